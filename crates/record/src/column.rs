//! What a column is: name, meaning, unit and kind, as data.

/// A table and its columns, in stored order.
#[derive(Debug)]
pub struct Table {
    /// Name in SQL and on the wire.
    pub name: &'static str,
    /// What one row stands for.
    pub doc: &'static str,
    /// Every column that a station sends, and those of the collector's that its
    /// rows have room for.
    pub columns: &'static [Column],
}

/// One column, or one field of a struct.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Unique among its siblings, never reused: the column's name on the wire.
    pub id: u32,
    /// Name in SQL, snake case with its unit as suffix.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Unit of the values; empty where they have none.
    pub unit: &'static str,
    /// What it means, where it comes from, and since which kernel.
    pub doc: &'static str,
    /// Whether it tells where a client is.
    pub privacy: Privacy,
    /// The collector fills it.  A station neither describes nor sends it, and one
    /// that does is not believed.
    pub at_ingest: bool,
}

/// Whether a column, with everything in it, holds addresses of clients, which
/// are cut to their networks when they are old.
///
/// Addresses are text or bytes, never integers: `unmapped` would hide them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// It holds none.
    Open,
    /// A text may be an address, or quote one: it comes from outside.  What
    /// bytes mean is unknown, so they go as a whole.
    Addresses,
    /// A text may be the address of a router.  It is cut where it is of the
    /// same network as the client whom this column of the table names: nearer
    /// to a home than to a backbone.
    AddressesNear(&'static str),
}

/// The kinds of value that rows are made of.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A signed 64-bit integer.
    Int,
    /// A 64-bit float.
    Float,
    /// UTF-8 text.
    Text,
    /// Opaque bytes.
    Bytes,
    /// Microseconds since the Unix epoch, UTC.
    Time,
    /// True or false.
    Bool,
    /// Any number of one kind of item.
    List(&'static Column),
    /// Named fields.
    Struct(&'static [Column]),
}

impl Column {
    /// A column, in the order in which column lists read best.
    pub const fn new(
        id: u32,
        name: &'static str,
        kind: Kind,
        unit: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { id, name, kind, unit, doc, privacy: Privacy::Open, at_ingest: false }
    }

    /// The same column, as one that may hold addresses of clients.
    #[must_use]
    pub const fn with_addresses(self) -> Self {
        Self { privacy: Privacy::Addresses, ..self }
    }

    /// The same column, as one that may hold addresses in the network of the
    /// client whom column `client` names.
    #[must_use]
    pub const fn with_addresses_near(self, client: &'static str) -> Self {
        Self { privacy: Privacy::AddressesNear(client), ..self }
    }

    /// The same column, as one that the collector fills.
    #[must_use]
    pub const fn filled_at_ingest(self) -> Self {
        Self { at_ingest: true, ..self }
    }

    /// Whether it, or anything in it, may hold addresses of clients.
    pub fn holds_addresses(&self) -> bool {
        self.privacy != Privacy::Open
            || match self.kind {
                Kind::List(item) => item.holds_addresses(),
                Kind::Struct(fields) => fields.iter().any(Self::holds_addresses),
                _ => false,
            }
    }
}
