//! Timers: when they come, and what their results mean. Only that one comes too early, or at all,
//! is held: how late it may be is the machine's affair.

use std::time::Duration;

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};

fn start(timer: &str, results: &str) -> Daemon {
    let defines = [format!("TIMER={timer}"), format!("RESULTS={{{results}}}")];
    let defines = [defines[0].as_str(), defines[1].as_str()];
    Builder::new().c_app("tests/apps/timers.c", &defines, "timers").start()
}

/// After how many milliseconds the callback came, each time so far.
#[track_caller]
fn gaps(client: &mut Client) -> Vec<u32> {
    client.text("").unwrap();
    let text = client.receive_text();
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap());
    let count: u32 = numbers.next().unwrap();
    let gaps: Vec<u32> = numbers.collect();
    assert_eq!(gaps.len(), count as usize, "{text}");
    gaps
}

/// Asks until there are so many. To ask is traffic.
#[track_caller]
fn wait_gaps(client: &mut Client, count: usize) -> Vec<u32> {
    for _ in 0..1000 {
        let gaps = gaps(client);
        if gaps.len() >= count {
            return gaps;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the timer has not come {count} times");
}

/// Every gap is at least so many milliseconds long; the clock counts whole ones.
#[track_caller]
fn at_least(gaps: &[u32], least: &[u32]) {
    for (gap, least) in gaps.iter().zip(least) {
        assert!(gap + 1 >= *least, "{gaps:?}, wanted at least {least:?}");
    }
}

/// A client that comes, and is traffic, after the callback has returned its last result.
fn connect_after_last(daemon: &Daemon) -> Client {
    daemon.wait_log_line(&["that was the last", "app=timers"]);
    daemon.connect("/timers")
}

#[test]
fn a_waking_timer_comes_to_an_idle_app_again_and_again() {
    let daemon = start("RS_TIMER_WAKE(tick,50000)", "RS_TIMER_MIN,RS_TIMER_HOLD,RS_TIMER_MAX,0");
    let mut client = connect_after_last(&daemon);
    let gaps = gaps(&mut client);
    assert_eq!(gaps.len(), 4, "{gaps:?}");
    at_least(&gaps, &[50; 4]);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_timer_grows_by_the_increment_up_to_the_maximum() {
    let results = "RS_TIMER_INCR,RS_TIMER_INCR,RS_TIMER_HOLD,RS_TIMER_INCR,RS_TIMER_MIN,\
                   RS_TIMER_MAX,RS_TIMER_NEVER";
    let daemon = start("RS_TIMER(tick,100000,40000,170000)", results);
    let mut client = connect_after_last(&daemon);
    let gaps = gaps(&mut client);
    at_least(&gaps, &[100, 140, 170, 170, 170, 100, 170]);
    assert_eq!(gaps.len(), 7, "{gaps:?}");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_timer_may_choose_its_interval() {
    let daemon = start("RS_TIMER_WAKE(tick,1000)", "150000,RS_TIMER_HOLD,1000,RS_TIMER_NEVER");
    // The traffic that this is does not change what the callback has chosen.
    let mut client = daemon.connect("/timers");
    let gaps = wait_gaps(&mut client, 4);
    at_least(&gaps, &[1, 150, 150, 1]);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn traffic_makes_the_interval_the_minimum_again() {
    let daemon = start("RS_TIMER(tick,1000,1,3600000000)", "RS_TIMER_MAX,RS_TIMER_MAX,0");
    // After the first call the next would come in an hour; each question brings it.
    let mut client = daemon.connect("/timers");
    let gaps = wait_gaps(&mut client, 3);
    assert_eq!(gaps.len(), 3);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_sleeping_timer_comes_once_after_traffic() {
    let daemon = start("RS_TIMER_SLEEP(tick,1000)", "RS_TIMER_MIN");
    // Idle for 300 times the interval, before the opening and after it.
    std::thread::sleep(Duration::from_millis(300));
    let mut client = daemon.connect("/timers");
    std::thread::sleep(Duration::from_millis(300));
    assert!(gaps(&mut client).len() <= 1);
    std::thread::sleep(Duration::from_millis(300));
    assert!(gaps(&mut client).len() <= 2);
    wait_gaps(&mut client, 3);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_timer_that_fails_stops_the_app() {
    let daemon = start("RS_TIMER_WAKE(tick,10000)", "RS_TIMER_FATAL");
    daemon.wait_log_line(&["that was the last", "app=timers"]);
    daemon.wait_log_line(&["app stopped", "`timer`", "app=timers"]);
    daemon.stop_well();
}

#[test]
fn a_timer_result_that_means_nothing_stops_the_app() {
    let daemon = start("RS_TIMER_WAKE(tick,10000)", "-77");
    daemon.wait_log_line(&["a callback returned -77", "app=timers"]);
    daemon.wait_log_line(&["app stopped", "`timer`", "app=timers"]);
    daemon.stop_well();
}
