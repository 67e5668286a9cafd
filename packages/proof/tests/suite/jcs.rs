use imajin_proof::jcs::{self, JcsError};
use proptest::prelude::*;
use serde_json::{Value, json};

macro_rules! pair {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../vectors/jcs/input/", $name)),
            include_str!(concat!("../vectors/jcs/output/", $name)),
        )
    };
}

#[test]
fn the_reference_pairs_come_out_byte_for_byte() {
    let pairs = [
        pair!("arrays.json"),
        pair!("french.json"),
        pair!("structures.json"),
        pair!("unicode.json"),
        pair!("values.json"),
        pair!("weird.json"),
    ];
    for (name, input, output) in pairs {
        let value: Value = serde_json::from_str(input).unwrap();
        assert_eq!(jcs::to_string(&value).unwrap(), output.trim_end_matches('\n'), "{name}");
        assert_eq!(jcs::value_to_bytes(&value).unwrap(), jcs::to_bytes(&value).unwrap());
    }
}

/// RFC 8785, appendix B: the bits of a double and its text.
#[test]
fn doubles_are_written_as_ecmascript_does() {
    let cases: [(u64, &str); 19] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0x4014_0000_0000_0000, "5"),
        (0x433f_ffff_ffff_ffff, "9007199254740991"),
    ];
    for (bits, text) in cases {
        assert_eq!(jcs::to_string(&f64::from_bits(bits)).unwrap(), text);
    }
}

#[test]
fn numbers_that_some_reader_rounds_are_refused() {
    assert_eq!(jcs::to_string(&jcs::INTEGER_MAX).unwrap(), "9007199254740991");
    assert_eq!(
        jcs::to_string(&-9_007_199_254_740_991_i64).unwrap(),
        "-9007199254740991"
    );
    let refused = [
        json!(9_007_199_254_740_992_u64),
        json!(-9_007_199_254_740_992_i64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(9_007_199_254_740_992.0),
        json!(-1e20),
    ];
    for value in refused {
        assert_eq!(jcs::to_bytes(&value), Err(JcsError::IntegerTooLarge), "{value}");
        assert_eq!(jcs::to_bytes(&json!({ "a": [value] })), Err(JcsError::IntegerTooLarge));
    }
}

#[test]
fn a_text_with_two_readings_is_refused() {
    let cases = [
        ("9007199254740992", JcsError::IntegerTooLarge),
        ("-9007199254740993", JcsError::IntegerTooLarge),
        ("100000000000000000000000000000001", JcsError::IntegerTooLarge),
        ("[1e17]", JcsError::IntegerTooLarge),
        ("0.10000000000000000001", JcsError::NumberTooPrecise),
        ("9007199254740991.1", JcsError::NumberTooPrecise),
        ("333333333.33333329", JcsError::NumberTooPrecise),
        ("1e-400", JcsError::NumberTooPrecise),
        (r#"{"a":1,"a":2}"#, JcsError::DuplicateName),
        (r#"[{"b":{"a":1,"\u0061":1}}]"#, JcsError::DuplicateName),
    ];
    for (text, error) in cases {
        assert_eq!(jcs::from_slice::<Value>(text.as_bytes()), Err(error), "{text}");
    }
    for text in ["", "{", "1 2", "[1e400]", "nul", "01", "\"\\ud800\"", &"[".repeat(1000)] {
        assert!(
            matches!(jcs::from_slice::<Value>(text.as_bytes()), Err(JcsError::Malformed(_))),
            "{text}"
        );
    }
    let accepted = [
        r#"{"a":"1e400 and \" 9007199254740993","b":[-0,0.0,-0.00,1.50,15e-1,0.000001,1E+21,12.0e3]}"#,
        "9007199254740991",
        "  [ ]  ",
        r#"{"a":{"a":{"a":null}}}"#,
    ];
    for text in accepted {
        let value: Value = jcs::from_slice(text.as_bytes()).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
    }
    assert!(jcs::from_slice::<u8>(b"\"x\"").is_err());
}

#[test]
fn a_value_that_is_no_json_or_too_deep_is_refused() {
    let map: std::collections::HashMap<Vec<u8>, u8> = [(vec![1], 1)].into();
    assert_eq!(jcs::to_bytes(&map), Err(JcsError::NotJson));
    let deep = (0..200).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    assert_eq!(jcs::value_to_bytes(&deep), Err(JcsError::TooDeep));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_bytes_are_those_of_another_implementation(value in any_json()) {
        if let Ok(bytes) = jcs::to_bytes(&value) {
            prop_assert_eq!(String::from_utf8(bytes.clone()).unwrap(), json_canon::to_string(&value).unwrap());
            let read: Value = jcs::from_slice(&bytes).unwrap();
            prop_assert_eq!(jcs::to_bytes(&read).unwrap(), bytes, "canonical text is canonical");
        }
    }

    #[test]
    fn ascii_names_without_floats_are_plain_sorted_json(
        members in prop::collection::btree_map("[ -~]{0,8}", prop_oneof![
            any::<i32>().prop_map(Value::from), any::<String>().prop_map(Value::from),
        ], 0..8),
    ) {
        prop_assert_eq!(jcs::to_string(&members).unwrap(), serde_json::to_string(&members).unwrap());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _outcome = jcs::from_slice::<Value>(&bytes);
    }

    #[test]
    fn no_json_like_text_is_read_in_two_ways(text in r#"[\[\]{},:"0-9eE.+\\a -]{0,40}"#) {
        if let Ok(value) = jcs::from_slice::<Value>(text.as_bytes()) {
            prop_assert_eq!(&value, &serde_json::from_str::<Value>(&text).unwrap());
            prop_assert!(jcs::to_bytes(&value).is_ok());
        }
    }
}
