//! A resolver on port 53 of a loopback address of its own, for one name.

use std::net::{Ipv4Addr, UdpSocket};

/// Header of a message (RFC 1035 section 4.1.1).
const HEADER_BYTES: usize = 12;
/// After the name: type A, class IN.
const ADDRESS: [u8; 4] = [0, 1, 0, 1];

/// Starts one that says 127.0.0.1 for `name` until the suite ends; its address.
pub(crate) fn that_knows(name: &str) -> Ipv4Addr {
    // Resolvers are named without their port.
    let (socket, address) = (1..=u8::MAX)
        .map(|last| Ipv4Addr::new(127, 53, 53, last))
        .find_map(|address| Some((UdpSocket::bind((address, 53)).ok()?, address)))
        .expect("no address of 127.53.53.0/24 has port 53 free, or this is not root");
    let mut known = Vec::new();
    for label in name.split('.') {
        known.push(label.len() as u8);
        known.extend(label.as_bytes());
    }
    known.push(0);
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length], &known) {
                socket.send_to(&answer, client).ok();
            }
        }
    });
    address
}

fn answer(message: &[u8], known: &[u8]) -> Option<Vec<u8>> {
    let (header, question) = message.split_at_checked(HEADER_BYTES)?;
    let name_bytes = question.iter().position(|&byte| byte == 0)? + 1;
    // More may follow: EDNS.
    let question = question.get(..name_bytes + ADDRESS.len())?;
    let is_known = question.starts_with(known);
    // Of another type there is nothing, which is no error.
    let count = u8::from(is_known && question.ends_with(&ADDRESS));
    let code = if is_known { 0 } else { 3 };
    let mut answer = header[..2].to_vec();
    // A response with recursion; one question, and nothing beside answers.
    answer.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(question);
    if count == 1 {
        // The question's name, the question's type and class, for no time, four bytes.
        answer.extend([0xc0, HEADER_BYTES as u8]);
        answer.extend(ADDRESS);
        answer.extend([0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
