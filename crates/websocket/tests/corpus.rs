//! Replays the corpus of the fuzz target `websocket_frames`.

#[path = "../../../fuzz/src/websocket_frames.rs"]
pub mod websocket_frames;

#[test]
fn every_input_of_the_corpus_is_handled() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/websocket_frames");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        websocket_frames::check(&std::fs::read(&path).expect("an input of the corpus"));
        inputs += 1;
    }
    assert!(inputs > 0, "no input in `{corpus}`");
}
