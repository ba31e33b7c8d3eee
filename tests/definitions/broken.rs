//! Everything that a schema asks for, broken once at each place.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// An object that breaks one keyword of the schema.
pub(crate) struct Broken {
    pub(crate) object: Value,
    /// Where, as the server writes it.
    pub(crate) place: String,
    pub(crate) keyword: &'static str,
    /// What the server says about it.
    pub(crate) says: &'static str,
}

/// One object for each keyword below the specification and the status of `schema`.
///
/// `whole` has a legal value at nearly every place; where it has none, the one
/// that is put there is wrong anyway.
pub(crate) fn broken(schema: &Value, whole: &Value) -> Vec<Broken> {
    let mut breaker = Breaker { whole, cases: Vec::new() };
    for part in ["spec", "status"] {
        breaker.below(&schema["properties"][part], &format!("/{part}"), part);
    }
    breaker.cases
}

struct Breaker<'a> {
    whole: &'a Value,
    cases: Vec<Broken>,
}

impl Breaker<'_> {
    /// `pointer` is the place in JSON, `place` the same as the server writes it.
    fn below(&mut self, schema: &Value, pointer: &str, place: &str) {
        let number = |keyword: &str| schema[keyword].as_i64();
        let mut wrong =
            |value: Value, keyword, says| self.with(pointer, value, place, keyword, says);
        if let Some(most) = number("maxLength") {
            wrong("a".repeat(most as usize + 1).into(), "maxLength", "Too long");
        }
        if let Some(least @ 1..) = number("minLength") {
            wrong("a".repeat(least as usize - 1).into(), "minLength", "should be at least");
        }
        if schema.get("pattern").is_some() {
            wrong("? ?".into(), "pattern", "in body should match");
        }
        if schema.get("enum").is_some() {
            wrong("Nonsense".into(), "enum", "Unsupported value");
        }
        if let Some(least) = number("minimum") {
            wrong((least - 1).into(), "minimum", "should be greater than or equal to");
        }
        if let Some(most) = number("maximum") {
            wrong((most + 1).into(), "maximum", "should be less than or equal to");
        }
        if schema["format"] == "date-time" {
            wrong("yesterday".into(), "format", "must be of type date-time");
        }
        let another = match schema["type"].as_str() {
            Some("array" | "string") => json!(5),
            _ => json!([[]]),
        };
        wrong(another, "type", "must be of type");
        self.of_lists(schema, pointer, place);
        self.of_objects(schema, pointer, place);
    }

    fn of_lists(&mut self, schema: &Value, pointer: &str, place: &str) {
        let Some(items) = schema.get("items") else { return };
        let present = self.whole.pointer(pointer).and_then(Value::as_array);
        let list = present.unwrap_or_else(|| panic!("the whole object has no {place}")).clone();
        let most = schema["maxItems"].as_i64().unwrap_or_default() as usize;
        self.with(pointer, vec![list[0].clone(); most + 1].into(), place, "maxItems", "Too many");
        if schema["minItems"].as_i64().is_some() {
            self.with(pointer, json!([]), place, "minItems", "should have at least");
        }
        if schema["x-kubernetes-list-type"] != "atomic" {
            let twice = json!([list[0], list[0]]);
            self.with(pointer, twice, place, "x-kubernetes-list-type", "Duplicate value");
        }
        self.below(items, &format!("{pointer}/0"), &format!("{place}[0]"));
    }

    fn of_objects(&mut self, schema: &Value, pointer: &str, place: &str) {
        if let Some(most) = schema["maxProperties"].as_i64() {
            let many: serde_json::Map<String, Value> =
                (0..=most).map(|n| (format!("k{n}"), "v".into())).collect();
            self.with(pointer, many.into(), place, "maxProperties", "Too many");
        }
        for field in schema["required"].as_array().into_iter().flatten() {
            let field = field.as_str().unwrap_or_default();
            let mut object = self.whole.clone();
            // Where the object has no such part, one without the field is put there.
            set(&mut object, pointer, |value| {
                value.as_object_mut().map(|members| members.remove(field));
            });
            let place = format!("{place}.{field}");
            self.cases.push(Broken { object, place, keyword: "required", says: "Required value" });
        }
        let properties = schema["properties"].as_object();
        if properties.is_some() && schema.get("x-kubernetes-preserve-unknown-fields").is_none() {
            let (pointer, place) = (format!("{pointer}/nonsense"), format!("{place}.nonsense"));
            self.with(&pointer, 1.into(), &place, "properties", "unknown field");
        }
        for (name, property) in properties.into_iter().flatten() {
            self.below(property, &format!("{pointer}/{name}"), &format!("{place}.{name}"));
        }
        if let Some(values) = schema.get("additionalProperties") {
            self.below(values, &format!("{pointer}/key"), &format!("{place}.key"));
        }
    }

    fn with(
        &mut self,
        pointer: &str,
        wrong: Value,
        place: &str,
        keyword: &'static str,
        says: &'static str,
    ) {
        let mut object = self.whole.clone();
        set(&mut object, pointer, |value| *value = wrong);
        self.cases.push(Broken { object, place: place.to_owned(), keyword, says });
    }
}

/// Changes what is at `pointer`, and makes the objects on the way where there are none.
fn set(object: &mut Value, pointer: &str, change: impl FnOnce(&mut Value)) {
    let steps = pointer.split('/').skip(1);
    let place = steps.fold(object, |inner, step| match inner {
        Value::Array(items) => &mut items[step.parse::<usize>().expect("an index")],
        other => {
            if other.is_null() {
                *other = json!({});
            }
            &mut other[step]
        }
    });
    if place.is_null() {
        *place = json!({});
    }
    change(place);
}

/// What the rules of `schema` say, wherever they are.
pub(crate) fn messages_of_rules(schema: &Value) -> BTreeSet<String> {
    let mut messages = BTreeSet::new();
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                if name == "x-kubernetes-validations" {
                    let rules = value.as_array().into_iter().flatten();
                    messages.extend(
                        rules.filter_map(|rule| Some(rule["message"].as_str()?.to_owned())),
                    );
                } else {
                    messages.append(&mut messages_of_rules(value));
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                messages.append(&mut messages_of_rules(item));
            }
        }
        _ => {}
    }
    messages
}
