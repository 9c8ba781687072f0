//! The system calls that the standard library does not offer: epoll for many connections in one
//! thread, signals to a process the test started, options of sockets, listening sockets that share
//! a port. Thin, one job each; policy belongs to the callers.
#![expect(unsafe_code, reason = "system calls without a safe wrapper in std")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// An epoll instance, level-triggered.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// What a watched descriptor is ready for.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The number given when it was added.
    pub token: usize,
    /// Bytes, an end or an error can be read.
    pub readable: bool,
    /// Bytes can be written.
    pub writable: bool,
}

impl Epoll {
    /// A new instance.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before use.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: `fd` was just opened and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches `fd` for reading, and for writing too if told so.
    pub fn add(&self, fd: &impl AsRawFd, token: usize, writing: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), token, writing)
    }

    /// Changes what a watched `fd` is watched for.
    pub fn change(&self, fd: &impl AsRawFd, token: usize, writing: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), token, writing)
    }

    /// Watches `fd` no more.
    pub fn remove(&self, fd: &impl AsRawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, false)
    }

    fn control(&self, op: i32, fd: RawFd, token: usize, writing: bool) -> io::Result<()> {
        let out = if writing { libc::EPOLLOUT } else { 0 };
        let mut event =
            libc::epoll_event { events: (libc::EPOLLIN | out) as u32, u64: token as u64 };
        // SAFETY: `event` lives through the call, which copies it.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), op, fd, &mut event) })?;
        Ok(())
    }

    /// Waits up to `timeout` and replaces the contents of `ready`.
    pub fn wait(&self, ready: &mut Vec<Ready>, timeout: Duration) -> io::Result<()> {
        const MOST: usize = 256;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MOST];
        let millis = timeout.as_millis().min(i32::MAX as u128) as i32;
        ready.clear();
        // SAFETY: the kernel writes at most MOST events into the array of MOST.
        let count = unsafe {
            libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), MOST as i32, millis)
        };
        let count = match check(count) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            other => other?,
        };
        ready.extend(events[..count as usize].iter().map(|event| Ready {
            token: event.u64 as usize,
            readable: event.events & !(libc::EPOLLOUT as u32) != 0,
            writable: event.events & libc::EPOLLOUT as u32 != 0,
        }));
        Ok(())
    }
}

/// Signals a test may send.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Asks for a graceful stop.
    Term,
    /// Asks for the counters in the log.
    Usr1,
    /// Asks it to leave its connections for the next process.
    Usr2,
    /// Asks for a reload.
    Hup,
    /// Kills the process.
    Kill,
    /// Suspends the process.
    Stop,
    /// Lets a suspended process go on.
    Continue,
}

/// Sends a signal to a child of this process that was not yet waited for.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let number = match signal {
        Signal::Term => libc::SIGTERM,
        Signal::Usr1 => libc::SIGUSR1,
        Signal::Usr2 => libc::SIGUSR2,
        Signal::Hup => libc::SIGHUP,
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    // SAFETY: no pointers; the caller's child cannot have given up its pid before being reaped.
    check(unsafe { libc::kill(pid as libc::pid_t, number) })?;
    Ok(())
}

/// Fixes the size of a socket's receive buffer (the kernel doubles it), which also stops its
/// growth by itself.
pub fn set_receive_buffer(socket: &impl AsRawFd, bytes: i32) -> io::Result<()> {
    set_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, bytes)
}

/// Makes the close of a socket an abort: the peer gets RST in place of FIN.
pub fn set_abort_on_close(socket: &impl AsRawFd) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the pointer and the size describe `linger`, which lives through the call.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Makes this end of a TCP connection deaf: the kernel drops whatever comes for it before TCP sees it
/// (SO_ATTACH_FILTER, socket(7)), so that nothing is acknowledged any more. To the other end that is
/// a host which has lost its power or its network: no FIN, no RST, no answer.
pub fn set_deaf(socket: &impl AsRawFd) -> io::Result<()> {
    const RETURN_NONE: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let mut filter = libc::sock_filter { code: RETURN_NONE, jt: 0, jf: 0, k: 0 };
    let program = libc::sock_fprog { len: 1, filter: &raw mut filter };
    // SAFETY: the pointer and the size describe `program`; it and the one instruction that it points
    // to live through the call, which copies them.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// A listening loopback socket with SO_REUSEPORT, as systemd makes them for `ReusePort=yes`;
/// port 0 picks a free one.
pub fn listen_shared(port: u16) -> io::Result<TcpListener> {
    let socket = tcp_socket()?;
    set_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    bind(&socket, Ipv4Addr::LOCALHOST, port)?;
    // SAFETY: no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), 1024) })?;
    Ok(TcpListener::from(socket))
}

/// A TCP connection to a loopback address from another one: all of 127.0.0.0/8 is this machine, so
/// that one test can be many hosts. Its port is chosen with the connect (ip(7),
/// `IP_BIND_ADDRESS_NO_PORT`): one that was bound before is kept from all other addresses, even while
/// it rests.
pub fn connect_from(source: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = tcp_socket()?;
    set_option(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
    bind(&socket, source, 0)?;
    let address = sockaddr_in(*to.ip(), to.port());
    // SAFETY: the pointer and the size describe `address`, which lives through the call.
    check(unsafe {
        libc::connect(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_in>() as libc::socklen_t,
        )
    })?;
    Ok(TcpStream::from(socket))
}

fn tcp_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the result is checked before use.
    let fd =
        check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: `fd` was just opened and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bind(socket: &OwnedFd, address: Ipv4Addr, port: u16) -> io::Result<()> {
    let address = sockaddr_in(address, port);
    // SAFETY: the pointer and the size describe `address`, which lives through the call.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_in>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

fn sockaddr_in(address: Ipv4Addr, port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        sin_zero: [0; 8],
    }
}

/// Lets this process and those it starts open as many descriptors as the hard limit allows, and
/// gives that number.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives through the call, which fills it.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` lives through the call, which only reads it.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    Ok(limit.rlim_max)
}

/// Binds the calling thread to a CPU (sched_setaffinity(2)). What it sends over loopback is received by
/// that CPU, too.
pub fn run_on_cpu(cpu: usize) -> io::Result<()> {
    // SAFETY: a set of bits, for which zeros are a valid value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number was checked; the set is as large as its type.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: 0 is the calling thread; pointer and size describe `set`, which lives through the call.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })?;
    Ok(())
}

/// A loopback port that was free a moment ago, from below the range that the kernel hands out by
/// itself, and never the same twice in a process: so it stays free unless somebody names it.
pub fn free_port() -> io::Result<u16> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    let start = std::process::id().wrapping_mul(997);
    for _ in 0..COUNT {
        let step = start.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
        let port = (FIRST + step % COUNT) as u16;
        if TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no free port"))
}

fn set_option(fd: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the pointer and the size describe `value`, which lives through the call.
    check(unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
