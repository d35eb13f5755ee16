//! As much of JSON Schema as `docs/openapi.json` uses; a word that is not known here fails the test.

use serde_json::Value;

/// What is wrong with a value; nothing when it is as described.
pub(crate) fn wrong(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let each = |schema: &Value| wrong(root, schema, value, at);
    for (word, rule) in schema.as_object().unwrap() {
        let good = match word.as_str() {
            "$ref" => {
                let target = rule.as_str().unwrap().trim_start_matches('#');
                found.extend(each(root.pointer(target).unwrap_or_else(|| panic!("{target} is nowhere"))));
                true
            }
            "type" => match rule.as_array() {
                Some(types) => types.iter().any(|one| is(one.as_str().unwrap(), value)),
                None => is(rule.as_str().unwrap(), value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "required" => rule.as_array().unwrap().iter().all(|name| {
                value.as_object().is_none_or(|object| object.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(inner) = value.get(name) {
                        found.extend(wrong(root, rule, inner, &format!("{at}.{name}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(*rule, Value::Bool(false));
                let known = schema.get("properties").and_then(Value::as_object);
                value.as_object().is_none_or(|object| {
                    object.keys().all(|name| known.is_some_and(|known| known.contains_key(name)))
                })
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(wrong(root, rule, inner, &format!("{at}[{index}]")));
                }
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| each(one).is_empty()),
            "oneOf" => rule.as_array().unwrap().iter().filter(|one| each(one).is_empty()).count() == 1,
            "not" => !each(rule).is_empty(),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= size(rule)),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= size(rule)),
            "format" => {
                assert_eq!(rule, "date-time");
                value.as_str().is_none_or(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
            }
            "pattern" => {
                assert_eq!(rule, "^[^\\u0000-\\u001f\\u007f-\\u009f]*$");
                value.as_str().is_none_or(|text| !text.contains(char::is_control))
            }
            "description" => true,
            other => panic!("{other} is not known here"),
        };
        if !good {
            found.push(format!("{at}: {word} {rule} does not hold for {value}"));
        }
    }
    found
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

fn size(rule: &Value) -> usize {
    usize::try_from(rule.as_u64().unwrap()).unwrap()
}

#[test]
fn a_value_that_is_not_as_described_is_found() {
    let schema: Value = serde_json::json!({"type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": ["integer", "null"]}, "b": {"oneOf": [{"const": 1}, {"type": "string"}]}}});
    let wrong = |value: Value| wrong(&schema, &schema, &value, "").len();
    assert_eq!(wrong(serde_json::json!({"a": null, "b": "x"})), 0);
    for value in [
        serde_json::json!({"a": 1.5}),
        serde_json::json!({"b": 1}),
        serde_json::json!({"a": 1, "b": 2}),
        serde_json::json!({"a": 1, "c": 2}),
        serde_json::json!([]),
    ] {
        assert!(wrong(value.clone()) > 0, "{value}");
    }
}
