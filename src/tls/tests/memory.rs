//! What an idle connection's records cost, as the kernel counts memory: the AEAD's part of it comes
//! from an allocator that Rust knows nothing of. A file of its own, so that no other test allocates
//! meanwhile.

use ringsocket_tls::{Direction, Keys, Records, Secret, Suite};

const CONNECTION_C: usize = 10_000;
/// Bytes that a connection may cost.
const MOST: usize = 1700;

fn records(suite: Suite) -> Records {
    let direction = |number| Direction {
        keys: Keys::Tls13 { traffic_secret: Secret::new(&[number; 48]).unwrap() },
        sequence: 0,
    };
    Records::new(suite, direction(1), direction(2)).unwrap()
}

/// Bytes of memory that this process has (proc_pid_status(5)).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// Seals a large record and changes the key, after which nothing may be kept.
fn exercise(records: &mut Records) {
    let mut wire = Vec::new();
    records.seal(&[&[7; 16_384]], &mut wire).unwrap();
    records.request_key_update(&mut wire);
}

#[test]
fn an_idle_connection_is_small() {
    // The suite with the longest secrets and the largest tables.
    let suite = Suite::from_number(0x1302).unwrap();
    let mut all = Vec::with_capacity(CONNECTION_C);
    // What is allocated but once.
    exercise(&mut records(suite));
    let before = resident();
    for _ in 0..CONNECTION_C {
        // On the heap, as in the server.
        let mut records = Box::new(records(suite));
        exercise(&mut records);
        all.push(records);
    }
    let each = (resident() - before) / all.len();
    println!("{each} bytes, {} of them in Records", size_of::<Records>());
    // That many they must have, or the measure is wrong.
    assert!(each > size_of::<Records>());
    assert!(each < MOST, "{each} bytes");
}
