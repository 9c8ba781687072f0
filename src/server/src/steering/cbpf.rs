//! The classic BPF program by which the kernel gives a new connection to the socket of the CPU that
//! received it.
//! Not for: attaching it (`sys::reuseport`), or saying which socket is whose (the module above).
//!
//! The kernel runs it for a SYN, on the CPU that has it in hand, and takes the result for the index of
//! a socket in its group. An index beyond the group means none of them: then it chooses by a hash of the
//! addresses, as it does without a program.

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SKF_AD_CPU, SKF_AD_OFF, sock_filter,
};

/// No index of any group.
pub(super) const NOBODY: u32 = u32::MAX;

/// The program for a group whose socket with the index `i` belongs to the CPU `cpus[i]`. What other CPUs
/// receive is spread over all sockets.
pub(super) fn program(cpus: &[usize]) -> Vec<sock_filter> {
    // A = the number of the CPU that runs this. Not read from the packet: loads from SKF_AD_OFF on
    // are what the kernel knows besides.
    let mut program = vec![plain(BPF_LD | BPF_W | BPF_ABS, (SKF_AD_OFF + SKF_AD_CPU) as u32)];
    for (index, &cpu) in cpus.iter().enumerate() {
        // Unless A is this worker's CPU, skip the next instruction,
        program.push(sock_filter { jt: 0, jf: 1, ..plain(BPF_JMP | BPF_JEQ | BPF_K, cpu as u32) });
        // which gives the connection to this worker's socket.
        program.push(plain(BPF_RET | BPF_K, index as u32));
    }
    // Nobody's CPU: choose by hash.
    program.push(plain(BPF_RET | BPF_K, NOBODY));
    program
}

/// An instruction that jumps nowhere.
fn plain(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program gives on a CPU, by an interpreter for the three instructions it uses.
    fn choice(program: &[sock_filter], cpu: u32) -> u32 {
        let (mut at, mut a) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            match u32::from(code) {
                0x20 if k == 0xffff_f000 + 36 => a = cpu, // ld [cpu]
                0x15 => at += usize::from(if a == k { jt } else { jf }), // jeq
                0x06 => return k,                         // ret
                code => panic!("instruction {at} has the code {code:#x}, and k is {k:#x}"),
            }
        }
    }

    #[test]
    fn each_cpu_has_its_socket_and_the_others_have_none() {
        let program = program(&[2, 0, 5]);
        assert_eq!([0, 2, 5].map(|cpu| choice(&program, cpu)), [1, 0, 2]);
        assert_eq!([1, 3, 4, 6, 1023].map(|cpu| choice(&program, cpu)), [NOBODY; 5]);
    }

    #[test]
    fn as_many_workers_as_there_may_be_fit_into_a_program() {
        let cpus: Vec<usize> = (0..crate::message::MAX_WORKERS).rev().collect();
        let program = program(&cpus);
        assert!(program.len() <= 4096, "BPF_MAXINSNS of linux/bpf_common.h");
        for (index, &cpu) in cpus.iter().enumerate() {
            assert_eq!(choice(&program, cpu as u32), index as u32);
        }
    }
}
