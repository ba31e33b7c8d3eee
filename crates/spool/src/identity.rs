//! The spool's random name, which must outlive every segment.

use crate::{Error, directory::Directory, segment};

const FILE: &str = "id";

/// Length of an id: 128 random bits in hexadecimal.
pub(crate) const LEN: usize = 32;

/// Longer than any `id` file that is whole.
const READ_LEN: u64 = 64;

/// The id of the spool in `directory`.
///
/// Every segment carries a copy in its header, so a damaged `id` file does not
/// turn the spool into another one whose batches would all be sent again.
pub(crate) fn load(directory: &Directory) -> Result<String, Error> {
    if let Some(file) = directory.open(FILE)? {
        let bytes =
            file.read_range(0, READ_LEN).map_err(Error::io("read", directory.file(FILE)))?;
        if let Some(id) = parse(&bytes) {
            return Ok(id);
        }
    }
    let id =
        segment::any_id(directory)?.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
    directory.create(FILE, format(&id).as_bytes())?;
    Ok(id)
}

fn format(id: &str) -> String {
    format!("{id} {:08x}\n", crc32c::crc32c(id.as_bytes()))
}

fn parse(bytes: &[u8]) -> Option<String> {
    let id = str::from_utf8(bytes.get(..LEN)?).ok()?;
    (bytes == format(id).as_bytes()).then(|| id.to_owned())
}
