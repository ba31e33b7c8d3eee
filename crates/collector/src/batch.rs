//! A payload to annotated rows of its table, or the reason why it can never be.

use trigpoint_lake::{ConvertError, Description, Rows, Sent, Shape};
use trigpoint_record::Table;
use trigpoint_wire::{
    DecodeError, Limits, decode,
    ingest::{ColumnSchema, Kind},
};

use crate::annotation::Annotator;
use crate::attested::Known;

/// Why a batch does not become rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    /// Its bytes are no batch.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It has no row. A number that leaves none would look like a lost batch.
    #[error("batch without rows")]
    Empty,
    /// Its rows are no rows of the table.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// Decoding it ended in a fault of this program.
    #[error("decoding panicked")]
    Fault,
}

impl BatchError {
    /// The name that stations and metrics see.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Decode(_) => "undecodable",
            Self::Empty => "empty",
            Self::Convert(_) => "unfit",
            Self::Fault => "fault",
        }
    }

    /// Whether an upgraded collector could store it.
    pub(crate) fn is_newer(&self) -> bool {
        matches!(self, Self::Convert(error) if error.is_newer())
    }
}

/// A batch that was decoded.
pub(crate) struct Decoded {
    rows: usize,
    sent: Vec<Sent>,
}

impl Decoded {
    /// Of a payload whose station described the table's columns as `schema`.
    pub(crate) fn new(
        payload: &[u8],
        schema: &[ColumnSchema],
        limits: &Limits,
    ) -> Result<Self, BatchError> {
        let decoded = decode(payload, schema, limits)?;
        if decoded.rows == 0 {
            return Err(BatchError::Empty);
        }
        let sent = decoded.columns.into_iter().map(|(schema, array)| {
            let description = description(schema)
                .ok_or_else(|| DecodeError::Kind { column: schema.name.clone() })?;
            Ok(Sent { description, array })
        });
        Ok(Self { rows: decoded.rows, sent: sent.collect::<Result<_, DecodeError>>()? })
    }

    /// The rows of batch `seq` of a spool, with what is `known` of its station in the
    /// place of what it says.
    pub(crate) fn rows(
        self,
        table: &'static Table,
        spool_id: &str,
        seq: u64,
        known: Option<&Known>,
        annotator: &Annotator,
    ) -> Result<Rows, BatchError> {
        let Self { rows, mut sent } = self;
        if let Some(known) = known {
            known.fill(rows, &mut sent);
        }
        annotator.annotate(table, rows, &mut sent);
        Ok(Rows::convert(table, spool_id, seq, rows, sent)?)
    }
}

/// The column in the lake's words; `None` when its kind makes no sense.
pub(crate) fn description(schema: &ColumnSchema) -> Option<Description> {
    let shape = match schema.kind() {
        Kind::Unspecified => return None,
        Kind::Int => Shape::Int,
        Kind::Float => Shape::Float,
        Kind::Text => Shape::Text,
        Kind::Bytes => Shape::Bytes,
        Kind::Time => Shape::Time,
        Kind::Bool => Shape::Bool,
        Kind::List => Shape::List(Box::new(description(schema.children.first()?)?)),
        Kind::Struct => {
            Shape::Struct(schema.children.iter().map(description).collect::<Option<_>>()?)
        }
    };
    Some(Description { id: schema.id, name: schema.name.clone(), shape })
}
