//! Replays the corpora of the fuzz targets `icmp_messages` and `control_messages`.

#[path = "../../../fuzz/src/control_messages.rs"]
pub mod control_messages;
#[path = "../../../fuzz/src/icmp_messages.rs"]
pub mod icmp_messages;

#[test]
fn every_input_of_the_corpora_is_handled() {
    replay("control_messages", control_messages::check);
    replay("icmp_messages", icmp_messages::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut inputs = 0;
    for entry in std::fs::read_dir(&corpus).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        check(&std::fs::read(&path).expect("an input of the corpus"));
        inputs += 1;
    }
    assert!(inputs > 0, "no input in `{corpus}`");
}
