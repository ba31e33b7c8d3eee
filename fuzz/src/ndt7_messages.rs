//! A client's text message and query string: understood or refused.

use trigpoint_ndt7::{Measurement, MessageError, Query, spec};

/// The same text as a message and as a query string.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(message) = Measurement::parse(text) {
        match Measurement::parse(&message.to_json()) {
            Ok(again) => {
                assert_eq!(again.connection_info, message.connection_info);
                assert_eq!(again.bbr_info, message.bbr_info);
                assert_eq!(again.app_info, message.app_info);
                assert_eq!(again.tcp_info.is_some(), message.tcp_info.is_some());
                assert_eq!((again.origin, again.test), (message.origin, message.test));
            }
            // `1e9` is written as `1000000000.0`.
            Err(MessageError::TooLong(_)) => {}
            Err(error) => panic!("our own message is refused: {error:?}"),
        }
    }
    if let Ok(query) = Query::parse(text) {
        assert!(text.len() <= spec::MAX_QUERY_BYTES);
        for parameter in query.client_metadata {
            assert!(parameter.name != "access_token" && !parameter.name.starts_with("server_"));
        }
    }
}
