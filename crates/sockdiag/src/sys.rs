//! The one system call of this crate that no safe crate has.
#![allow(unsafe_code)]

use std::io;
use std::time::Duration;

/// Asks the scheduler for short slices for the calling thread; needs no privilege.
///
/// Its policy, niceness and all else stay as they are.  Kernels before 6.12
/// accept the request and ignore it.  Source: sched_setattr(2),
/// `__setparam_fair` in `kernel/sched/syscalls.c`.
pub(crate) fn shorten_slice(slice: Duration) -> io::Result<()> {
    let mut attributes = attributes()?;
    if attributes.sched_policy != libc::SCHED_OTHER as u32 {
        return Ok(());
    }
    attributes.sched_runtime = slice.as_nanos() as u64;
    // SAFETY: the pointer is to a whole `sched_attr` whose `size` is its own,
    // the kernel only reads it, and the call ends before it goes out of scope.
    let outcome = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How the calling thread is scheduled.
fn attributes() -> io::Result<libc::sched_attr> {
    let size = size_of::<libc::sched_attr>() as u32;
    let mut attributes = libc::sched_attr {
        size,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel writes at most `size` bytes to a structure of that
    // size, which is exclusively ours and has no invalid values.
    let outcome =
        unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    if outcome == 0 { Ok(attributes) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_slice_changes() {
        let before = attributes().unwrap();
        shorten_slice(Duration::from_micros(100)).unwrap();
        let after = attributes().unwrap();
        assert_eq!(
            (after.sched_policy, after.sched_nice, after.sched_flags),
            (before.sched_policy, before.sched_nice, before.sched_flags)
        );
        assert!(after.sched_runtime <= before.sched_runtime);
    }
}
