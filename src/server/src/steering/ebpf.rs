//! The extended BPF program that chooses the socket of a new connection: that of the CPU's own worker,
//! unless it has far more connections than the others.
//! Not for: loading and attaching it (`oneshot`).
//!
//! In words, for `n` workers and their numbers of connections:
//!
//! ```text
//! own   = the worker of the CPU that runs this, if it has one
//! if it has, and connections[own] <= 5/4 of the mean + 8: take own
//! if it has none: own = any worker, by chance
//! other = any other worker, by chance
//! take whichever of own and other has fewer
//! ```
//!
//! Two choices at random, and the better of them, keep the fullest of `n` close to the mean (Mitzenmacher,
//! "The Power of Two Choices in Randomized Load Balancing", 2001), and it takes two loads to choose.

use std::os::fd::{AsFd, AsRawFd};

use crate::sys::bpf::Instruction;

/// More connections than the mean that a worker may have in any case, lest a few be sent away from their
/// CPU when there are few in all.
pub(super) const SLACK: i32 = 8;

// Registers (linux/bpf.h): 0 takes what a call gives, 1 to 5 are what it is given and are lost in it, 6
// to 9 are kept, 10 is the end of the stack.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
const R4: u8 = 4;
const CONTEXT: u8 = 6;
const OWN: u8 = 7;
const OTHER: u8 = 8;
/// First the sum of all connections, then how many `OTHER` has.
const SUM: u8 = 9;
const STACK: u8 = 10;

/// Where the stack has the key for a map.
const KEY: i16 = -4;

// Operations, and which of their operands are meant: BPF_ALU64 | BPF_ADD | BPF_X and so on.
const ADD: u8 = 0x0f;
const ADD_CONST: u8 = 0x07;
const MUL_CONST: u8 = 0x27;
const MOD_CONST: u8 = 0x97;
const MOVE: u8 = 0xbf;
const MOVE_CONST: u8 = 0xb7;
const LOAD_32: u8 = 0x61;
const LOAD_64: u8 = 0x79;
const STORE_32: u8 = 0x63;
/// Two instructions long: the map that the descriptor in it stands for.
const LOAD_MAP: u8 = 0x18;
const PSEUDO_MAP_FD: u8 = 1;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const JUMP: u8 = 0x05;
const JUMP_IF_EQUAL_CONST: u8 = 0x15;
const JUMP_IF_GREATER: u8 = 0x2d;
const JUMP_IF_GREATER_OR_EQUAL_CONST: u8 = 0x35;
const JUMP_IF_LESS_OR_EQUAL: u8 = 0xbd;

// Functions of the kernel (bpf-helpers(7)).
const MAP_LOOKUP_ELEM: i32 = 1;
const GET_PRANDOM_U32: i32 = 7;
const GET_SMP_PROCESSOR_ID: i32 = 8;
const SK_SELECT_REUSEPORT: i32 = 82;

/// Let the connection in. Refused (0) is none.
const SK_PASS: i32 = 1;

/// CPUs for which there is a number in the table. Its values are the numbers of workers, plus one; 0 is for
/// a CPU that has none.
pub(super) const TABLE_LEN: u32 = 1024;

/// A place to jump to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    /// This CPU has no worker of its own.
    HasNone,
    /// `OWN` is known: look for another one.
    Compare,
    /// Both are known.
    HasOther,
    /// Give the connection to `OWN`.
    Select,
    /// Leave it to the kernel, if there is nothing chosen yet.
    Done,
}

/// A program that is being written, and the jumps whose distance is not known yet.
#[derive(Default)]
struct Assembler {
    program: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    places: Vec<(Label, usize)>,
}

impl Assembler {
    fn op(&mut self, code: u8, to: u8, from: u8, offset: i16, immediate: i32) {
        self.program.push(Instruction { code, registers: from << 4 | to, offset, immediate });
    }

    /// `to op= from`
    fn both(&mut self, code: u8, to: u8, from: u8) {
        self.op(code, to, from, 0, 0);
    }

    /// `to op= constant`
    fn with(&mut self, code: u8, to: u8, constant: i32) {
        self.op(code, to, 0, 0, constant);
    }

    fn call(&mut self, function: i32) {
        self.op(CALL, 0, 0, 0, function);
    }

    fn map(&mut self, to: u8, map: impl AsFd) {
        self.op(LOAD_MAP, to, PSEUDO_MAP_FD, 0, map.as_fd().as_raw_fd());
        self.op(0, 0, 0, 0, 0);
    }

    fn jump(&mut self, code: u8, to: u8, from: u8, constant: i32, label: Label) {
        self.jumps.push((self.program.len(), label));
        self.op(code, to, from, 0, constant);
    }

    fn place(&mut self, label: Label) {
        self.places.push((label, self.program.len()));
    }

    /// A number below `end` by chance. The kernel's verifier does not see that a remainder is small, so
    /// that is said once more.
    fn chance(&mut self, to: u8, end: i32) {
        self.call(GET_PRANDOM_U32);
        self.with(MOD_CONST, R0, end);
        self.both(MOVE, to, R0);
        self.jump(JUMP_IF_GREATER_OR_EQUAL_CONST, to, 0, end, Label::Done);
    }

    /// `R0 = &map[key]`. The kernel's verifier lets nobody without CAP_PERFMON reckon with addresses of
    /// maps, as that could be misused by speculation; so they are asked for one by one.
    fn look_up(&mut self, map: impl AsFd, key: u8) {
        self.op(STORE_32, STACK, key, KEY, 0);
        self.map(R1, map);
        self.both(MOVE, R2, STACK);
        self.with(ADD_CONST, R2, i32::from(KEY));
        self.call(MAP_LOOKUP_ELEM);
        // There is such a key, as the kernel wants to see.
        self.jump(JUMP_IF_EQUAL_CONST, R0, 0, 0, Label::Done);
    }

    /// `to = connections[worker]`
    fn count(&mut self, to: u8, counts: impl AsFd, worker: u8) {
        self.look_up(counts, worker);
        self.op(LOAD_64, to, R0, 0, 0);
    }

    /// The program, with every jump's distance: from the instruction after it.
    fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let place = self.places.iter().find(|(known, _)| *known == label);
            let (_, place) = place.expect("every label that is jumped to has a place");
            self.program[at].offset = (place - at - 1) as i16;
        }
        self.program
    }
}

/// The program for so many workers and for the group whose sockets are in the array `sockets`, each
/// under the number of its worker. The map `table` has the worker of each CPU, and `counts` is what lies
/// behind a board.
pub(super) fn program(
    worker_c: usize,
    table: impl AsFd,
    counts: impl AsFd,
    sockets: impl AsFd,
) -> Vec<Instruction> {
    let n = worker_c as i32;
    let mut asm = Assembler::default();
    asm.both(MOVE, CONTEXT, R1);
    // OWN = table[cpu] - 1
    asm.call(GET_SMP_PROCESSOR_ID);
    asm.jump(JUMP_IF_GREATER_OR_EQUAL_CONST, R0, 0, TABLE_LEN as i32, Label::HasNone);
    asm.look_up(&table, R0);
    asm.op(LOAD_32, OWN, R0, 0, 0);
    asm.jump(JUMP_IF_EQUAL_CONST, OWN, 0, 0, Label::HasNone);
    asm.with(ADD_CONST, OWN, -1);
    prefer_own(&mut asm, n, &counts);

    asm.place(Label::HasNone);
    asm.chance(OWN, n);

    asm.place(Label::Compare);
    // Another than OWN: one of n - 1, with OWN left out of the row.
    asm.chance(OTHER, n - 1);
    asm.jump(JUMP_IF_GREATER, OWN, OTHER, 0, Label::HasOther);
    asm.with(ADD_CONST, OTHER, 1);
    asm.place(Label::HasOther);
    asm.count(SUM, &counts, OTHER);
    asm.count(R3, &counts, OWN);
    asm.jump(JUMP_IF_LESS_OR_EQUAL, R3, SUM, 0, Label::Select);
    asm.both(MOVE, OWN, OTHER);

    asm.place(Label::Select);
    // bpf_sk_select_reuseport(context, &sockets, &own, 0). If that worker has no socket here, nothing is
    // chosen, and the kernel goes by its hash.
    asm.op(STORE_32, STACK, OWN, KEY, 0);
    asm.both(MOVE, R1, CONTEXT);
    asm.map(R2, sockets);
    asm.both(MOVE, R3, STACK);
    asm.with(ADD_CONST, R3, i32::from(KEY));
    asm.with(MOVE_CONST, R4, 0);
    asm.call(SK_SELECT_REUSEPORT);

    asm.place(Label::Done);
    asm.with(MOVE_CONST, R0, SK_PASS);
    asm.op(EXIT, 0, 0, 0, 0);
    asm.finish()
}

/// Jumps to `Select` if `OWN` has no more than 5/4 of the mean, and a few; or else to `Compare`.
fn prefer_own(asm: &mut Assembler, n: i32, counts: &impl AsFd) {
    asm.with(MOVE_CONST, SUM, 0);
    for worker in 0..n {
        asm.with(MOVE_CONST, R3, worker);
        asm.count(R3, counts, R3);
        asm.both(ADD, SUM, R3);
    }
    asm.count(R3, counts, OWN);
    // own <= 5/4 * sum / n + SLACK, times 4n on both sides, so that nothing is to be divided.
    asm.with(MUL_CONST, SUM, 5);
    asm.with(ADD_CONST, SUM, 4 * n * SLACK);
    asm.with(MUL_CONST, R3, 4 * n);
    asm.jump(JUMP_IF_LESS_OR_EQUAL, R3, SUM, 0, Label::Select);
    asm.jump(JUMP, 0, 0, 0, Label::Compare);
}

#[cfg(test)]
mod tests {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

    use super::*;
    use crate::message::MAX_WORKERS;
    use crate::sys::board;
    use crate::sys::bpf::{self, Map};

    /// With the rights that the one-shot has, and no others: the kernel's verifier is stricter then.
    fn load(worker_c: usize) -> std::io::Result<()> {
        let rights = CapabilitySet::BPF;
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: rights, permitted: rights, inheritable: none };
        set_capabilities(None, sets)?; // of this thread
        let counts = Map::new(
            bpf::MAP_TYPE_ARRAY,
            board::STRIDE as u32,
            MAX_WORKERS as u32,
            bpf::MAP_MMAPABLE,
        )?;
        let table = Map::new(bpf::MAP_TYPE_ARRAY, 4, TABLE_LEN, 0)?;
        let sockets = Map::new(bpf::MAP_TYPE_REUSEPORT_SOCKARRAY, 8, worker_c as u32, 0)?;
        bpf::load_reuseport(&program(worker_c, &table, &counts, &sockets), c"test").map(drop)
    }

    #[test]
    fn the_kernel_takes_the_program_for_any_number_of_workers() {
        for worker_c in [2, 3, 4, 64, MAX_WORKERS] {
            let loaded = std::thread::spawn(move || load(worker_c)).join().unwrap();
            let why = "this test takes CAP_BPF, and so root";
            assert!(loaded.is_ok(), "{why}: {worker_c} workers: {loaded:?}");
        }
    }
}
