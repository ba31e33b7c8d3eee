//! System calls that no safe crate has: another network namespace for a thread,
//! and packet sockets with a receive ring (packet(7),
//! Documentation/networking/packet_mmap.rst).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, netdevice, send, socket_with,
};

/// Moves the calling thread into a network namespace.
pub(crate) fn enter_network_namespace(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: setns takes no pointer; what the thread opened before stays valid.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })
}

/// Lets the calling thread's timers fire when they are due and not up to 50 µs
/// later (the default of prctl(2), `PR_SET_TIMERSLACK`).
pub(crate) fn sharpen_timers() -> io::Result<()> {
    let nanoseconds: libc::c_ulong = 1;
    // SAFETY: this option takes a number and no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds) })
}

/// A frame and when the kernel took it from the interface.
#[derive(Debug)]
pub(crate) struct Received {
    /// Since the epoch: the kernel stamps packets with the wall clock.
    pub(crate) stamp: Duration,
    pub(crate) frame: Vec<u8>,
}

/// All frames that arrive on an interface, and a way to send some there.
///
/// The ring holds what arrives while the reader is not scheduled: 2,048 frames are
/// 120 ms at 200 Mbit/s, where a socket's buffer (`net.core.rmem_max`) holds 5 ms.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    socket: OwnedFd,
    slots: NonNull<u8>,
    next: usize,
}

const SLOTS: usize = 2048;
/// Holds the kernel's header of 68 bytes and a frame of 1,514.
const SLOT_BYTES: usize = 2048;
const BLOCK_BYTES: usize = 32 * SLOT_BYTES;
const RING_BYTES: usize = SLOTS * SLOT_BYTES;

// SAFETY: the pointer is to a mapping that belongs to the socket alone, has no
// tie to a thread, and is only used through `&mut self` or by `drop`.
unsafe impl Send for PacketSocket {}

impl PacketSocket {
    /// Opens `interface` of the calling thread's namespace.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        // Protocol 0: nothing arrives before it is bound to one interface.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        let version = libc::tpacket_versions::TPACKET_V2 as libc::c_int;
        set_option(&socket, libc::PACKET_VERSION, &version)?;
        // What this host would send by itself is no traffic of the path.
        set_option(&socket, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK_BYTES as u32,
            tp_block_nr: (RING_BYTES / BLOCK_BYTES) as u32,
            tp_frame_size: SLOT_BYTES as u32,
            tp_frame_nr: SLOTS as u32,
        };
        set_option(&socket, libc::PACKET_RX_RING, &request)?;
        let slots = map(&socket)?;
        let this = Self { socket, slots, next: 0 };
        bind(&this.socket, netdevice::name_to_index(&this.socket, interface)?)?;
        Ok(this)
    }

    /// The next frame, if one has arrived.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Received>> {
        // SAFETY: `next` is below SLOTS, so the slot is inside of the mapping.
        let slot = unsafe { self.slots.add(self.next * SLOT_BYTES) };
        // SAFETY: a slot begins with its status, an aligned u32 that both the
        // kernel and we change, and that nobody touches in another way.
        let status = unsafe { AtomicU32::from_ptr(slot.cast::<u32>().as_ptr()) };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return Ok(None);
        }
        // SAFETY: the status says that the kernel has filled the slot and leaves
        // it to us; it begins with this header, aligned to 16 bytes.
        let header = unsafe { slot.cast::<libc::tpacket2_hdr>().read() };
        let (start, length) = (usize::from(header.tp_mac), header.tp_snaplen as usize);
        let is_whole = header.tp_len == header.tp_snaplen && start + length <= SLOT_BYTES;
        let received = is_whole.then(|| {
            // SAFETY: the frame lies inside of the slot, as was just checked, and
            // the kernel does not write to it before the status is set back.
            let frame = unsafe { std::slice::from_raw_parts(slot.add(start).as_ptr(), length) };
            let stamp = Duration::new(u64::from(header.tp_sec), header.tp_nsec);
            Received { stamp, frame: frame.to_vec() }
        });
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % SLOTS;
        match received {
            Some(received) => Ok(Some(received)),
            None => Err(io::Error::other(format!(
                "a frame of {} bytes: are offloads off on both hosts?",
                header.tp_len
            ))),
        }
    }

    /// Sends a frame out of the interface.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(&self.socket, frame, SendFlags::empty())?;
        Ok(())
    }

    /// Frames that found no free slot since the last time that this was asked.
    pub(crate) fn overruns(&self) -> io::Result<u64> {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of_val(&statistics) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to a structure of that
        // size, which is exclusively ours and has no invalid values.
        check(unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        })?;
        Ok(u64::from(statistics.tp_drops))
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for PacketSocket {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this length, and no
        // reference into it outlives a call.
        unsafe { libc::munmap(self.slots.as_ptr().cast(), RING_BYTES) };
    }
}

fn map(socket: &OwnedFd) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping where the kernel likes, which replaces none of ours.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            RING_BYTES,
            protection,
            libc::MAP_SHARED,
            socket.as_raw_fd(),
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(|| io::Error::other("the ring is mapped at address 0"))
}

fn bind(socket: &OwnedFd, interface: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        // Every protocol, in network byte order.
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: interface.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the pointer is to a whole address of that length, which the kernel
    // only reads.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })
}

fn set_option<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer is to a whole value of that length, which the kernel
    // only reads.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            length,
        )
    })
}

fn check(outcome: libc::c_int) -> io::Result<()> {
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
