//! Lost batches, as the row that stands in their place.

use trigpoint_lake::{ConvertError, Description, Rows, Sent};
use trigpoint_record::{
    Batch, Station,
    tables::{
        STATIONS,
        stations::{Event, Gap, StationEvent},
    },
};

/// The row of `stations` that says which batches are lost; it takes the place
/// of the last of them in the spool's order.
pub(crate) fn row(station: &Station, spool_id: &str, gap: Gap) -> Result<Rows, ConvertError> {
    let seq = gap.last_seq;
    let time = chrono::Utc::now().timestamp_micros();
    let event = StationEvent { time, event: Event::Gap(gap), facts: Vec::new() };
    let mut batch = Batch::new(&STATIONS);
    let pushed = batch.push(event.into_row(station));
    debug_assert!(pushed.is_ok(), "a row of its own table fits");
    let rows = batch.rows();
    let columns = STATIONS.columns.iter().zip(batch.columns);
    let sent = columns
        .map(|(column, array)| Sent { description: Description::from(column), array })
        .collect();
    Rows::convert(&STATIONS, spool_id, seq, rows, sent)
}
