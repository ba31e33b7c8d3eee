//! System calls that no safe crate has: control messages of any kind, and options of
//! error queues and packet stamps (ip(7), ipv6(7), timestamping.rst).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// Sets an option whose value is a whole structure of plain numbers.
pub(crate) fn set_option<const N: usize>(
    socket: impl AsFd,
    level: libc::c_int,
    option: libc::c_int,
    value: [u32; N],
) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer is to `length` bytes, which the kernel only reads.
    check(unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, value.as_ptr().cast(), length)
    })
}

/// `SO_MEMINFO`: what a socket's queues hold and may hold.
pub(crate) fn memory(socket: impl AsFd) -> io::Result<Memory> {
    let mut values = [0_u32; 9];
    let mut length = size_of_val(&values) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to numbers that are ours.
    check(unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    let value = |at: libc::c_int| values[at as usize];
    Ok(Memory {
        received_bytes: value(libc::SK_MEMINFO_RMEM_ALLOC),
        receive_limit_bytes: value(libc::SK_MEMINFO_RCVBUF),
        dropped: value(libc::SK_MEMINFO_DROPS),
    })
}

/// Of a socket's receiving side, errors included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// What waits to be read, as the kernel accounts it.
    pub(crate) received_bytes: u32,
    /// The most that may wait.
    pub(crate) receive_limit_bytes: u32,
    /// Datagrams dropped in front of the receive queue, not the error queue.
    pub(crate) dropped: u32,
}

/// One datagram or entry of the error queue.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    /// Its content, cut at the buffer's length.
    pub(crate) data: &'a [u8],
    /// Its control messages, cut at the buffer's length.
    pub(crate) control: &'a [u8],
    /// The address that came with it.
    pub(crate) name: &'a [u8],
}

/// Room for one datagram.
pub(crate) struct Buffers {
    data: Vec<u8>,
    control: Control,
    name: Name,
}

/// Aligned like the structures that the kernel writes there.
#[repr(align(8))]
struct Control([u8; 512]);

#[repr(align(8))]
struct Name([u8; 128]);

impl Buffers {
    pub(crate) fn new() -> Self {
        // More than a link's usual packet; who quotes more says nothing new with it.
        Self { data: vec![0; 2048], control: Control([0; 512]), name: Name([0; 128]) }
    }

    /// Receives what is there, from the error queue or the ordinary one.
    pub(crate) fn receive(
        &mut self,
        socket: impl AsFd,
        error_queue: bool,
    ) -> io::Result<Received<'_>> {
        let mut data =
            libc::iovec { iov_base: self.data.as_mut_ptr().cast(), iov_len: self.data.len() };
        // SAFETY: `msghdr` is plain numbers and pointers, for which zero is valid.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_name = self.name.0.as_mut_ptr().cast();
        message.msg_namelen = self.name.0.len() as libc::socklen_t;
        message.msg_iov = &raw mut data;
        message.msg_iovlen = 1;
        message.msg_control = self.control.0.as_mut_ptr().cast();
        message.msg_controllen = self.control.0.len() as _;
        let queue = if error_queue { libc::MSG_ERRQUEUE } else { 0 };
        // SAFETY: every pointer in `message` is to a buffer of ours with the length that
        // stands beside it, none is used by anybody else, and all outlive the call.
        let length = unsafe {
            libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT | queue)
        };
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        Ok(Received {
            data: self.data.get(..length).unwrap_or(&self.data),
            control: self.control.0.get(..message.msg_controllen as usize).unwrap_or_default(),
            name: self.name.0.get(..message.msg_namelen as usize).unwrap_or_default(),
        })
    }
}

impl std::fmt::Debug for Buffers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffers").finish_non_exhaustive()
    }
}

fn check(outcome: libc::c_int) -> io::Result<()> {
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
