//! The `params` of a query: JSON to values.

use serde_json::Value;
use stripchart_core::DurationLiteral;

use crate::{ParamValue, Params, parse_duration};

/// Reads a JSON object of parameters.
///
/// `Err` is the text that follows `error parsing `.
pub(super) fn params(json: &str) -> Result<Params, String> {
    let values = match serde_json::from_str(json) {
        Ok(Value::Object(values)) => values,
        Ok(Value::Null) => serde_json::Map::new(),
        Ok(other) => {
            let kind = match other {
                Value::Array(_) => "array",
                Value::String(_) => "string",
                Value::Number(_) => "number",
                _ => "bool",
            };
            return Err(format!(
                "query parameters: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
            ));
        }
        Err(error) if error.is_eof() => return Err("query parameters: unexpected EOF".to_owned()),
        Err(error) => return Err(format!("query parameters: {error}")),
    };
    let mut params = Params::new();
    for (name, value) in &values {
        params.insert(name.as_str(), value_of(value)?);
    }
    Ok(params)
}

fn value_of(value: &Value) -> Result<ParamValue, String> {
    Ok(match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => ParamValue::Integer(integer),
            (None, Some(float)) if number.is_f64() => ParamValue::Number(float),
            _ => {
                return Err(format!(
                    "json value: strconv.ParseInt: parsing \"{number}\": value out of range"
                ));
            }
        },
        Value::String(text) => ParamValue::String(text.clone()),
        Value::Bool(value) => ParamValue::Boolean(*value),
        Value::Object(object) => match object.iter().next() {
            Some((kind, value)) if object.len() == 1 => typed(kind, value),
            _ => invalid("bound object parameter value must have exactly one entry"),
        },
        Value::Null => invalid("unable to bind parameter with type <nil>"),
        Value::Array(_) => invalid("unable to bind parameter with type []interface {}"),
    })
}

/// `{"identifier": "v"}` and its kin.
fn typed(kind: &str, value: &Value) -> ParamValue {
    let text = value.as_str();
    let of_text = |make: fn(String) -> ParamValue, otherwise: &str| {
        text.map_or_else(|| invalid(otherwise), |text| make(text.to_owned()))
    };
    match kind {
        "ident" | "identifier" => {
            of_text(ParamValue::Identifier, "identifier must be a string value")
        }
        "regex" => of_text(ParamValue::Regex, "regex literal must be a string value"),
        "string" => of_text(ParamValue::String, "string literal must be a string value"),
        "float" | "number" => match value.as_f64() {
            Some(number) => ParamValue::Number(number),
            None => invalid("number literal must be a float value"),
        },
        "int" | "integer" => match value.as_i64() {
            Some(integer) => ParamValue::Integer(integer),
            None => invalid("integer literal must be an integer value"),
        },
        "duration" => match (text.map(parse_duration), value.as_i64()) {
            (Some(Ok(duration)), _) => ParamValue::Duration(duration),
            (Some(Err(error)), _) => ParamValue::Invalid(error.to_string()),
            (None, Some(nanos)) => ParamValue::Duration(DurationLiteral::from_nanos(nanos)),
            (None, None) => invalid("duration literal must be a string or integer value"),
        },
        _ => ParamValue::Invalid(format!("unknown bind object type: {kind}")),
    }
}

fn invalid(why: &str) -> ParamValue {
    ParamValue::Invalid(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_values() {
        let cases = [
            ("1", ParamValue::Integer(1)),
            ("-2", ParamValue::Integer(-2)),
            ("1.5", ParamValue::Number(1.5)),
            ("\"a'b\"", ParamValue::String("a'b".into())),
            ("true", ParamValue::Boolean(true)),
            ("{\"identifier\":\"v\"}", ParamValue::Identifier("v".into())),
            ("{\"regex\":\"^a\"}", ParamValue::Regex("^a".into())),
            ("{\"float\":2}", ParamValue::Number(2.0)),
            ("{\"integer\":2}", ParamValue::Integer(2)),
            (
                "{\"duration\":\"10s\"}",
                ParamValue::Duration(DurationLiteral::from_nanos(10_000_000_000)),
            ),
            ("{\"duration\":10}", ParamValue::Duration(DurationLiteral::from_nanos(10))),
            ("{\"duration\":\"10\"}", invalid("invalid duration")),
            ("{\"integer\":\"x\"}", invalid("integer literal must be an integer value")),
            ("{\"what\":1}", invalid("unknown bind object type: what")),
            ("{}", invalid("bound object parameter value must have exactly one entry")),
            ("null", invalid("unable to bind parameter with type <nil>")),
        ];
        for (json, want) in cases {
            let got = params(&format!("{{\"x\":{json}}}")).unwrap();
            assert_eq!(got.get("x"), Some(&want), "{json}");
        }
        assert_eq!(params("{\"x\":").unwrap_err(), "query parameters: unexpected EOF");
        assert!(params("null").is_ok_and(|none| none.get("x").is_none()));
        let error = params("[1]").unwrap_err();
        let want = "query parameters: json: cannot unmarshal array into Go value of type map[string]interface {}";
        assert_eq!(error, want);
        assert!(params("{\"x\":99999999999999999999}").is_ok_and(|p| p.get("x").is_some()));
    }
}
