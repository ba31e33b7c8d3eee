use super::*;

fn pairs(query: &str) -> Vec<(String, String)> {
    let query = Query::parse(query).expect("a valid query string");
    query.client_metadata.into_iter().map(|m| (m.name, m.value)).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn what_m_labs_clients_send_is_kept_in_order() {
    assert_eq!(
        pairs("client_name=ndt7-js&client_version=0.1.4&locate_version=v2&index=0"),
        [
            pair("client_name", "ndt7-js"),
            pair("client_version", "0.1.4"),
            pair("locate_version", "v2"),
            pair("index", "0"),
        ]
    );
    assert_eq!(pairs(""), []);
}

#[test]
fn names_and_values_are_decoded() {
    assert_eq!(
        pairs("client%5Fos=linux+6%2e1&na%C3%AFve=%E2%9C%93&flag&empty=&a=b=c"),
        [
            pair("client_os", "linux 6.1"),
            pair("naïve", "✓"),
            pair("flag", ""),
            pair("empty", ""),
            pair("a", "b=c"),
        ]
    );
}

#[test]
fn only_the_first_value_counts() {
    assert_eq!(pairs("a=1&&b=2&a=3"), [pair("a", "1"), pair("b", "2")]);
    assert_eq!(
        Query::parse("early_exit=250&early_exit=9").map(|q| q.early_exit_bytes),
        Ok(Some(250_000_000))
    );
}

#[test]
fn secrets_and_the_servers_own_names_are_left_out() {
    let query = "access_token=ey.x.y&server_version=9&server_=1&access%5Ftoken=z&observer_=1";
    assert_eq!(pairs(query), [pair("observer_", "1")]);
}

#[test]
fn early_exit_has_one_value() {
    let query = Query::parse("early_exit=250").expect("the valid value");
    assert_eq!(query.early_exit_bytes, Some(250_000_000));
    assert_eq!(query.client_metadata.len(), 1);
    assert_eq!(Query::parse("a=250").map(|query| query.early_exit_bytes), Ok(None));
    for value in ["", "249", "0250", "250.0", "true"] {
        let refused = Err(QueryError::EarlyExit(value.to_owned()));
        assert_eq!(Query::parse(&format!("early_exit={value}")), refused);
    }
}

#[test]
fn what_does_not_parse_is_refused_and_not_repeated() {
    assert_eq!(Query::parse("a=1&b=%4"), Err(QueryError::PercentEncoding(2)));
    assert_eq!(Query::parse("%zz=1"), Err(QueryError::PercentEncoding(1)));
    assert_eq!(Query::parse("a=%+1"), Err(QueryError::PercentEncoding(1)));
    assert_eq!(Query::parse("a=%ff"), Err(QueryError::NotUtf8(1)));
    assert_eq!(Query::parse("a=1;b=2"), Err(QueryError::Semicolon(1)));
    let error = Query::parse("access_token=secret%").expect_err("cut escape");
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn length_is_bounded() {
    let longest = format!("a={}", "x".repeat(spec::MAX_QUERY_BYTES - 2));
    assert!(Query::parse(&longest).is_ok());
    assert_eq!(Query::parse(&format!("{longest}x")), Err(QueryError::TooLong(4097)));
}

proptest::proptest! {
    /// Whatever a client sends is decoded or refused.
    #[test]
    fn any_text_is_parsed_or_refused(query: String) {
        let _ = Query::parse(&query);
    }

    #[test]
    fn what_is_encoded_is_decoded(value: String) {
        let escapes: Vec<String> = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        proptest::prop_assert_eq!(pairs(&format!("x={}", escapes.concat())), [pair("x", &value)]);
    }
}
