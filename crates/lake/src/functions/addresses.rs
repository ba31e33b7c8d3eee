//! `net_*`: addresses and prefixes as BigQuery's `NET` functions have them: bytes,
//! 4 of IPv4 and 16 of IPv6, most significant first.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BinaryArray, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{ScalarUDF, Volatility, create_udf};

use super::elementwise;

type Function = fn(&[ArrayRef]) -> Result<ArrayRef>;

pub(super) fn functions() -> [ScalarUDF; 5] {
    use DataType::{Binary, Int64, Utf8View};
    [
        udf("net_ip_from_string", vec![Utf8View], Binary, from_string)
            .with_aliases(["net.ip_from_string"]),
        udf("net_safe_ip_from_string", vec![Utf8View], Binary, safe_from_string)
            .with_aliases(["net.safe_ip_from_string"]),
        udf("net_ip_to_string", vec![Binary], Utf8View, to_string)
            .with_aliases(["net.ip_to_string"]),
        udf("net_ip_net_mask", vec![Int64, Int64], Binary, net_mask)
            .with_aliases(["net.ip_net_mask"]),
        udf("net_ip_trunc", vec![Binary, Int64], Binary, trunc).with_aliases(["net.ip_trunc"]),
    ]
}

fn udf(name: &str, arguments: Vec<DataType>, result: DataType, function: Function) -> ScalarUDF {
    let function = Arc::new(move |arguments: &[_]| elementwise(arguments, function));
    create_udf(name, arguments, result, Volatility::Immutable, function)
}

/// Text that is no address is an error.
fn from_string(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let bytes =
        |text: &str| bytes(text).ok_or_else(|| exec_datafusion_err!("`{text}` is no IP address"));
    let addresses = arrays[0].as_string_view().iter().map(|text| text.map(bytes).transpose());
    Ok(Arc::new(addresses.collect::<Result<BinaryArray>>()?))
}

/// Text that is no address is NULL.
#[allow(clippy::unnecessary_wraps, reason = "a function as the others are")]
fn safe_from_string(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let addresses = arrays[0].as_string_view().iter().map(|text| bytes(text?));
    Ok(Arc::new(addresses.collect::<BinaryArray>()))
}

fn to_string(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let text = |bytes: &[u8]| match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(bytes), _) => Ok(IpAddr::from(bytes).to_string()),
        (_, Ok(bytes)) => Ok(IpAddr::from(bytes).to_string()),
        _ => exec_err!("an IP address has 4 or 16 bytes, and not {}", bytes.len()),
    };
    let addresses = arrays[0].as_binary::<i32>().iter().map(|bytes| bytes.map(text).transpose());
    Ok(Arc::new(addresses.collect::<Result<StringViewArray>>()?))
}

/// `net_ip_net_mask(length in bytes, length of the prefix in bits)`.
fn net_mask(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let [lengths, prefixes] = [0, 1].map(|at| arrays[at].as_primitive::<Int64Type>());
    let masks = lengths.iter().zip(prefixes).map(|(length, prefix)| {
        let (Some(length), Some(prefix)) = (length, prefix) else { return Ok(None) };
        match length {
            4 | 16 => truncated(&vec![0xff; length as usize], prefix).map(Some),
            _ => exec_err!("an IP address has 4 or 16 bytes, and not {length}"),
        }
    });
    Ok(Arc::new(masks.collect::<Result<BinaryArray>>()?))
}

/// `net_ip_trunc(address, length of the prefix in bits)`: all bits after it 0.
fn trunc(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let prefixes = arrays[1].as_primitive::<Int64Type>();
    let networks = arrays[0].as_binary::<i32>().iter().zip(prefixes).map(|pair| match pair {
        (Some(address), Some(prefix)) => truncated(address, prefix).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(networks.collect::<Result<BinaryArray>>()?))
}

/// An IPv4 address that is mapped into IPv6 has 16 bytes, as it is written.
fn bytes(text: &str) -> Option<Vec<u8>> {
    Some(match text.parse().ok()? {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    })
}

fn truncated(address: &[u8], prefix: i64) -> Result<Vec<u8>> {
    let bits = 8 * address.len();
    let Some(prefix) = usize::try_from(prefix).ok().filter(|prefix| *prefix <= bits) else {
        return exec_err!("a prefix of this address has 0 to {bits} bits, and not {prefix}");
    };
    let byte = |(at, byte): (usize, &u8)| {
        let kept = prefix.saturating_sub(8 * at).min(8);
        // Shifted as 16 bits, of which all 8 can be shifted out.
        byte & (0xff00_u16 >> kept) as u8
    };
    Ok(address.iter().enumerate().map(byte).collect())
}
