//! How far the clock is from a time server's: one exchange of SNTP (RFC 4330),
//! which needs no privilege and does not rest on what the node's own daemon thinks.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;
use tracing::warn;

/// One try; the first may be lost.
const WITHIN: Duration = Duration::from_secs(1);
const TRIES: usize = 4;
const PORT: u16 = 123;
/// Seconds from NTP's epoch (1900) to Unix's.
const EPOCH_S: u64 = 2_208_988_800;
/// Version 4, mode 3 (client).
const REQUEST: u8 = 0x23;
const PACKET_BYTES: usize = 48;

/// How far this clock is ahead of the server's, microseconds: negative if behind.
/// `None` if there is none to ask, or it does not answer.
pub(super) async fn offset_micros(server: Option<&str>) -> Option<i64> {
    let server = server?;
    let mut last = None;
    for _ in 0..TRIES {
        match timeout(WITHIN, ask(server)).await {
            Ok(Ok(offset)) => return Some(offset),
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(io::ErrorKind::TimedOut.into()),
        }
    }
    if let Some(error) = last {
        warn!(server, %error, "the time server gives no time");
    }
    None
}

async fn ask(server: &str) -> io::Result<i64> {
    let address = if server.parse::<IpAddr>().is_err() && server.contains(':') {
        lookup_host(server).await?.next()
    } else {
        lookup_host((server, PORT)).await?.next()
    };
    let address = address.ok_or(io::ErrorKind::NotFound)?;
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).await?;
    // The kernel drops what comes from elsewhere.
    socket.connect(address).await?;
    let mut packet = [0; PACKET_BYTES];
    packet[0] = REQUEST;
    let sent = now();
    packet[40..].copy_from_slice(&sent.to_be_bytes());
    socket.send(&packet).await?;
    let mut answer = [0; PACKET_BYTES];
    loop {
        let length = socket.recv(&mut answer).await?;
        let received = now();
        // An answer to an earlier try has another origin.
        if length == PACKET_BYTES && stamp(&answer, 24) == sent {
            return read(&answer, received)
                .ok_or_else(|| io::Error::other("it says that it has no time to give"));
        }
    }
}

/// RFC 4330, section 5: half of the differences there and back, with signs.
fn read(answer: &[u8; PACKET_BYTES], received: u64) -> Option<i64> {
    let (leap, mode, stratum) = (answer[0] >> 6, answer[0] & 7, answer[1]);
    let (origin, arrived, left) = (stamp(answer, 24), stamp(answer, 32), stamp(answer, 40));
    // Leap 3 is a clock that was never set, stratum 0 a server that sends us away.
    if leap == 3 || mode != 4 || !(1..16).contains(&stratum) || left == 0 {
        return None;
    }
    // Differences hold over the end of an era, in 2036.
    let ahead = |ours: u64, theirs: u64| i128::from(ours.wrapping_sub(theirs) as i64);
    let twice = ahead(origin, arrived) + ahead(received, left);
    // Of units of 2^-32 s, half.
    i64::try_from((twice * 1_000_000) >> 33).ok()
}

fn stamp(packet: &[u8; PACKET_BYTES], at: usize) -> u64 {
    packet[at..at + 8].iter().fold(0, |stamp, byte| (stamp << 8) | u64::from(*byte))
}

/// Seconds in the upper half, their fraction in the lower one.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    ((now.as_secs() + EPOCH_S) << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_SECOND: u64 = 1 << 31;

    /// A server on loopback whose clock is half a second behind this one; each
    /// packet is changed before it leaves.
    async fn server(change: fn(&mut [u8; PACKET_BYTES])) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut packet = [0; PACKET_BYTES];
            while let Ok((_, client)) = socket.recv_from(&mut packet).await {
                let origin: [u8; 8] = packet[40..].try_into().unwrap();
                packet[..2].copy_from_slice(&[0x24, 2]);
                packet[24..32].copy_from_slice(&origin);
                packet[32..40].copy_from_slice(&(now() - HALF_SECOND).to_be_bytes());
                packet[40..].copy_from_slice(&(now() - HALF_SECOND).to_be_bytes());
                change(&mut packet);
                socket.send_to(&packet, client).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn the_offset_is_that_of_the_two_clocks() {
        let server = server(|_| ()).await;
        let offset = offset_micros(Some(&server)).await.unwrap();
        // Off by half of what the answer took at most.
        assert!((0..1_000_000).contains(&offset), "{offset}");
    }

    #[tokio::test]
    async fn a_server_without_time_gives_none() {
        for change in [
            |packet: &mut [u8; PACKET_BYTES]| packet[0] |= 0xc0,
            |packet: &mut [u8; PACKET_BYTES]| packet[1] = 0,
            |packet: &mut [u8; PACKET_BYTES]| packet[0] = 0x23,
        ] {
            assert!(ask(&server(change).await).await.is_err());
        }
    }

    #[test]
    fn an_offset_holds_over_the_end_of_an_era() {
        let mut answer = [0; PACKET_BYTES];
        answer[..2].copy_from_slice(&[0x24, 1]);
        // This clock is past the end, the server's just before.
        answer[24..32].copy_from_slice(&HALF_SECOND.to_be_bytes());
        answer[32..40].copy_from_slice(&(u64::MAX - HALF_SECOND + 1).to_be_bytes());
        answer[40..].copy_from_slice(&(u64::MAX - HALF_SECOND + 1).to_be_bytes());
        assert_eq!(read(&answer, HALF_SECOND), Some(1_000_000));
    }
}
