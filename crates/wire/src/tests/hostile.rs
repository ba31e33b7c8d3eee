use proptest::{collection::vec, prelude::*};
use prost::Message as _;
use trigpoint_record::{Array, Values};

use super::arbitrary;
use crate::{
    Columns, DEPTH, DecodeError, Limits, decode, encode,
    ingest::{self, Column, ColumnSchema, Kind},
    schema,
};

const SMALL: Limits = Limits {
    payload_bytes: 4096,
    message_bytes: 8192,
    memory_bytes: 16384,
    rows: 256,
    columns: 32,
};

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(payload in vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&payload, &[described(1, Kind::Int)], &SMALL).is_err());
    }

    /// The compressed bytes are right and the message in them is not.
    #[test]
    fn a_mutated_message_stays_within_the_limits(
        batch in arbitrary::batch(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
    ) {
        let mut message = zstd::decode_all(encode(&batch).as_slice()).unwrap();
        for (index, byte, how) in mutations {
            if message.is_empty() {
                break;
            }
            let index = index.index(message.len());
            match how {
                0 => message[index] = byte,
                1 => message.insert(index, byte),
                _ => message.truncate(index),
            }
        }
        let schema = schema(batch.table);
        if let Ok(decoded) = decode(&compressed(&message), &schema.columns, &SMALL) {
            prop_assert!(consistent(&decoded));
        }
    }

    #[test]
    fn arbitrary_fields_of_a_column_stay_within_the_limits(
        kind in 0..9_i32,
        rows in 0..300_u64,
        present in vec(any::<u8>(), 0..4),
        deltas in vec(any::<i64>(), 0..20),
        indices in vec(0..3_u32, 0..20),
        lengths in vec(any::<u32>(), 0..20),
        bits in vec(any::<u8>(), 0..4),
    ) {
        let child = Column { id: 1, deltas: deltas.clone(), ..Column::default() };
        let column = Column {
            id: 1,
            present,
            deltas,
            dictionary: vec!["a".to_owned(), "b".to_owned()],
            dictionary_indices: indices,
            lengths,
            bits,
            children: vec![child],
            ..Column::default()
        };
        let mut described = described(1, Kind::Int);
        described.kind = kind;
        described.children = vec![self::described(1, Kind::Int)];
        let payload = message(rows, vec![column]);
        if let Ok(decoded) = decode(&payload, &[described], &SMALL) {
            prop_assert!(consistent(&decoded));
        }
    }
}

/// All lengths agree, and the memory is within `SMALL`.
fn consistent(columns: &Columns<'_>) -> bool {
    let sizes: Option<Vec<usize>> = columns
        .columns
        .iter()
        .map(|(_, array)| (array.len() == columns.rows).then(|| memory(array)).flatten())
        .collect();
    sizes.is_some_and(|sizes| sizes.iter().sum::<usize>() <= SMALL.memory_bytes)
}

fn memory(array: &Array) -> Option<usize> {
    let rows = array.len();
    let (slots, bytes) = match &array.values {
        Values::Int(values) => (values.len(), values.len() * 8),
        Values::Float(values) => (values.len(), values.len() * 8),
        Values::Bool(values) => (values.len(), values.len()),
        Values::Text(values) => (values.len(), values.iter().map(|text| text.len() + 24).sum()),
        Values::Bytes(values) => (values.len(), values.iter().map(|bytes| bytes.len() + 24).sum()),
        Values::List { lengths, items } => {
            let due: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
            if due != items.len() as u64 {
                return None;
            }
            (lengths.len(), memory(items)? + lengths.len() * 4)
        }
        Values::Struct(fields) => {
            if fields.iter().any(|field| field.len() != rows) {
                return None;
            }
            (rows, fields.iter().map(memory).sum::<Option<usize>>()?)
        }
    };
    (slots == rows).then_some(rows + bytes)
}

fn described(id: u32, kind: Kind) -> ColumnSchema {
    ColumnSchema {
        id,
        name: format!("column_{id}"),
        kind: kind.into(),
        unit: String::new(),
        children: vec![],
    }
}

fn list_of(child: ColumnSchema) -> ColumnSchema {
    ColumnSchema { children: vec![child], ..described(1, Kind::List) }
}

fn compressed(message: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(message, 1).unwrap()
}

fn message(rows: u64, columns: Vec<Column>) -> Vec<u8> {
    compressed(&ingest::Columns { rows, columns }.encode_to_vec())
}

fn refusal(payload: &[u8], schema: &[ColumnSchema]) -> DecodeError {
    decode(payload, schema, &SMALL).expect_err("a hostile payload was accepted")
}

#[test]
fn every_limit_has_its_refusal() {
    let int = [described(1, Kind::Int)];
    let one = |column: Column| message(1, vec![column]);
    let id = |id| Column { id, ..Column::default() };

    let long = vec![0; SMALL.payload_bytes + 1];
    assert!(matches!(refusal(&long, &int), DecodeError::Payload { .. }));
    let bomb = compressed(&vec![0; SMALL.message_bytes + 1]);
    assert!(bomb.len() < 100, "compresses well");
    assert!(matches!(refusal(&bomb, &int), DecodeError::Message { .. }));
    let many = message(0, vec![Column::default(); SMALL.columns + 1]);
    assert!(matches!(refusal(&many, &int), DecodeError::Columns { .. }));
    assert!(matches!(refusal(&message(u64::MAX, vec![]), &int), DecodeError::Rows { .. }));
    assert!(matches!(refusal(&compressed(&[0x12, 0xff]), &int), DecodeError::Malformed));
    assert!(matches!(refusal(&compressed(&[0x0b]), &int), DecodeError::Malformed));

    let deep = (0..DEPTH).fold(id(1), |child, _| Column { children: vec![child], ..id(1) });
    assert!(matches!(refusal(&one(deep), &int), DecodeError::Depth));
    // Depth of the description alone: nothing of the lists was sent.
    let deep = (0..DEPTH).fold(described(1, Kind::Int), |child, _| list_of(child));
    let empty_list = Column { lengths: vec![0], ..id(1) };
    assert!(matches!(refusal(&one(empty_list), &[deep]), DecodeError::Depth));

    assert!(matches!(refusal(&one(id(2)), &int), DecodeError::Unknown { id: 2 }));
    assert!(matches!(
        refusal(&message(0, vec![id(1), id(1)]), &int),
        DecodeError::Duplicate { id: 1 }
    ));
}

#[test]
fn few_bytes_do_not_become_much_memory() {
    let refused = |column: Column, schema| {
        let column = Column { id: 1, ..column };
        let payload = message(256, vec![column]);
        assert!(payload.len() < 2000, "{} bytes are not few", payload.len());
        assert!(matches!(refusal(&payload, &[schema]), DecodeError::Memory { .. }));
    };
    // 256 lists of 4 G items: who allocates first and counts later is dead.
    let long_lists = Column { lengths: vec![u32::MAX; 256], ..Column::default() };
    refused(long_lists, list_of(described(1, Kind::Int)));

    let repeated_text = Column {
        dictionary: vec!["x".repeat(1000)],
        dictionary_indices: vec![0; 256],
        ..Column::default()
    };
    refused(repeated_text, described(1, Kind::Text));

    let empty_texts = Column { dictionary: vec![String::new(); 1000], ..Column::default() };
    refused(empty_texts, described(1, Kind::Text));

    let deltas = Column { deltas: vec![0; 4000], ..Column::default() };
    refused(deltas, described(1, Kind::Int));

    let fields = (0..100).map(|id| described(id, Kind::Int)).collect();
    let wide = ColumnSchema { children: fields, ..described(1, Kind::Struct) };
    refused(Column::default(), wide);
}

#[test]
fn values_must_be_as_many_as_rows() {
    let refused = |column: Column, schema| {
        let payload = message(2, vec![Column { id: 1, ..column }]);
        assert!(matches!(refusal(&payload, &[schema]), DecodeError::Length { .. }));
    };
    let plain = Column::default;
    for kind in [Kind::Int, Kind::Time, Kind::Float, Kind::Text, Kind::Bytes, Kind::Bool] {
        refused(plain(), described(1, kind));
    }
    refused(plain(), list_of(described(1, Kind::Int)));
    refused(Column { deltas: vec![1, 2, 3], ..plain() }, described(1, Kind::Int));
    let present = vec![0b11, 0];
    refused(Column { present, deltas: vec![1, 2], ..plain() }, described(1, Kind::Int));

    let outside = Column {
        id: 1,
        dictionary: vec!["only".to_owned()],
        dictionary_indices: vec![0, 1],
        ..plain()
    };
    let payload = message(2, vec![outside]);
    let error = refusal(&payload, &[described(1, Kind::Text)]);
    assert!(matches!(error, DecodeError::Index { index: 1, texts: 1, .. }));
}

#[test]
fn a_truncated_frame_is_refused() {
    let payload = message(1, vec![Column { id: 1, deltas: vec![1], ..Column::default() }]);
    let schema = [described(1, Kind::Int)];
    assert!(decode(&payload, &schema, &SMALL).is_ok());
    for length in 0..payload.len() {
        let accepted = decode(&payload[..length], &schema, &SMALL).is_ok();
        assert!(!accepted, "a prefix of {length} bytes was accepted");
    }
}
