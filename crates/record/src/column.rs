//! What a column is: name, meaning, unit and kind, as data.

/// A table and its columns, in stored order.
#[derive(Debug)]
pub struct Table {
    /// Name in SQL and on the wire.
    pub name: &'static str,
    /// What one row stands for.
    pub doc: &'static str,
    /// Every column that a station sends.
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
        Self { id, name, kind, unit, doc }
    }
}
