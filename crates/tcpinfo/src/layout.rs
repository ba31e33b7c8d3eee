//! How a kernel structure lies in memory: its fields, one after the other.

/// One field of a kernel structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The kernel's name in snake case, with its unit where the kernel's name
    /// lacks it; also the name of its column.
    pub name: &'static str,
    /// Where it starts, in bits from the start of the structure.
    pub bit_offset: u16,
    /// How long it is, in bits.
    pub bit_width: u8,
    /// The raw value by which the kernel says "not set".
    pub absent: Option<u64>,
    /// Unit of its values.
    pub unit: Unit,
    /// First kernel version that fills it; older ones end before it, or leave
    /// its bits 0 where it took over unused ones.
    pub since: &'static str,
    /// What it means, and since which kernel.
    pub doc: &'static str,
    /// Bits that have no meaning yet; kept so that encoding is exact.
    pub padding: bool,
}

/// Units of kernel fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// TCP segments.
    Segments,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// How often something happened, or how many there are.
    Count,
    /// A factor in fixed point, scaled as the field's doc says.
    Ratio,
    /// A number of bits to shift by.
    Shift,
    /// A set of flags, one per bit.
    Flags,
    /// One of the values that the field's doc lists.
    Code,
    /// None: see [`Field::padding`].
    Padding,
}

/// A structure: its fields in order, without holes.
pub trait Layout<const N: usize> {
    /// Every field; each starts at the bit where the one before it ends.
    const FIELDS: &'static [Field; N];
}

impl Field {
    /// The first byte that does not belong to this field any more.
    pub(crate) fn end(&self) -> usize {
        (usize::from(self.bit_offset) + usize::from(self.bit_width)).div_ceil(8)
    }

    /// The largest value that fits.
    pub(crate) fn max(&self) -> u64 {
        u64::MAX >> (64 - u32::from(self.bit_width))
    }

    /// Reads the field from a structure that reaches at least to [`Self::end`].
    pub(crate) fn read(&self, bytes: &[u8]) -> u64 {
        let mut raw = [0; 8];
        let first = usize::from(self.bit_offset / 8);
        raw[..self.end() - first].copy_from_slice(&bytes[first..self.end()]);
        (u64::from_le_bytes(raw) >> (self.bit_offset % 8)) & self.max()
    }

    /// Writes the field into zeroed bits of a structure.
    pub(crate) fn write(&self, value: u64, bytes: &mut [u8]) {
        let first = usize::from(self.bit_offset / 8);
        let raw = (value << (self.bit_offset % 8)).to_le_bytes();
        for (byte, bits) in bytes[first..self.end()].iter_mut().zip(raw) {
            *byte |= bits;
        }
    }
}

impl Unit {
    /// The unit as schemas and documentation write it; empty for none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes/s",
            Self::Segments => "segments",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Count => "count",
            Self::Ratio => "fixed point",
            Self::Shift => "bits to shift",
            Self::Flags | Self::Code | Self::Padding => "",
        }
    }
}

/// Makes a structure from its rows
/// `INDEX accessor WIDTH_BITS @ BYTE [+ BIT], absent, Unit, since, doc;`.
macro_rules! table {
    ($(#[$about:meta])* $block:ident {
        $($index:ident $name:ident $width:literal @ $byte:literal $(+ $bit:literal)?,
            $absent:expr, $unit:ident, $since:literal, $doc:literal;)*
    }) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $($index,)* Count }
        $(#[doc = concat!("Index of `", stringify!($name), "`.")]
        pub const $index: usize = Index::$index as usize;)*
        /// Number of fields.
        pub const FIELD_COUNT: usize = Index::Count as usize;
        /// The fields, in the kernel's order.
        pub const FIELDS: &[$crate::Field; FIELD_COUNT] = &[$($crate::Field {
            name: stringify!($name),
            bit_offset: $byte * 8 $(+ $bit)?,
            bit_width: $width,
            absent: $absent,
            unit: $crate::Unit::$unit,
            since: $since,
            doc: concat!($doc, " Since Linux ", $since, "."),
            padding: matches!($crate::Unit::$unit, $crate::Unit::Padding),
        }),*];
        /// Names this structure to [`crate::Block`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Structure;
        impl $crate::Layout<FIELD_COUNT> for Structure {
            const FIELDS: &'static [$crate::Field; FIELD_COUNT] = FIELDS;
        }
        $(#[$about])*
        pub type $block = $crate::Block<Structure, FIELD_COUNT>;
        impl $block {
            $(#[doc = $doc]
            pub fn $name(&self) -> Option<u64> { self.get($index) })*
        }
    };
}
pub(crate) use table;
