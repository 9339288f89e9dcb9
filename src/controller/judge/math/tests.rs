use proptest::prelude::*;

use super::{Expr, Function, Inputs, Node, Operator, Points, Value, evaluate::evaluate, parser::parse};

fn points(text: &str) -> Points {
    text.split(' ').map(|word| word.parse().ok()).collect()
}

fn inputs(series: &[(&str, &str)]) -> Inputs {
    let values = series.iter().map(|(id, text)| ((*id).to_owned(), Value::Series(points(text)))).collect();
    let length = series.first().map_or(3, |(_, text)| points(text).len());
    Inputs { values, metrics: series.iter().map(|(id, _)| (*id).to_owned()).collect(), period: 60.0, length }
}

fn work_out(text: &str, series: &[(&str, &str)]) -> Value {
    evaluate(&parse(text).expect(text), &inputs(series)).expect(text)
}

fn series(text: &str, series: &[(&str, &str)]) -> Points {
    match work_out(text, series) {
        Value::Series(points) => points,
        other => panic!("{text} gave {other:?}"),
    }
}

fn complaint(text: &str) -> String {
    let two = [("a", "1 2 3"), ("b", "1 2 3")];
    match parse(text) {
        Err(misprint) => format!("{}: {misprint}", misprint.at),
        Ok(expr) => match evaluate(&expr, &inputs(&two)) {
            Err(misprint) => format!("{}: {misprint}", misprint.at),
            Ok(value) => panic!("{text} gave {value:?}"),
        },
    }
}

#[test]
fn operators_bind_as_people_expect() {
    let number = |text| match work_out(text, &[]) {
        Value::Number(number) => number,
        other => panic!("{text} gave {other:?}"),
    };
    assert_eq!(number("1 + 2 * 3"), Some(7.0));
    assert_eq!(number("(1 + 2) * 3"), Some(9.0));
    assert_eq!(number("10 - 2 - 3"), Some(5.0));
    assert_eq!(number("-2 ^ 2"), Some(-4.0));
    assert_eq!(number("2 ^ 3 ^ 2"), Some(512.0));
    assert_eq!(number("2 ^ -1"), Some(0.5));
    assert_eq!(number("1 < 2 AND 2 > 3 OR 1 == 1"), Some(1.0));
    assert_eq!(number("1 < 2 && (2 > 3 || 1 != 1)"), Some(0.0));
    assert_eq!(number("1e3 + .5"), Some(1_000.5));
}

#[test]
fn a_missing_value_counts_as_zero_unless_both_are_missing() {
    let two = [("a", "1 - - 4"), ("b", "2 3 - 4")];
    assert_eq!(series("a + b", &two), points("3 3 - 8"));
    assert_eq!(series("a * 2", &two), points("2 - - 8"));
}

#[test]
fn division_by_zero_leaves_the_period_without_data() {
    let two = [("errors", "5 0 1"), ("total", "10 0 -")];
    assert_eq!(series("errors / total", &two), points("0.5 - -"));
}

#[test]
fn a_guard_keeps_small_denominators_from_alarming() {
    let two = [("errors", "1 5 5"), ("total", "2 100 -")];
    assert_eq!(series("IF(total >= 20, errors / total * 100, 0)", &two), points("0 5 -"));
    assert_eq!(series("IF(FILL(total, 0) >= 20, errors / total * 100, 0)", &two), points("0 5 0"));
    assert_eq!(series("IF(total >= 20, errors)", &two), points("- 5 -"));
}

#[test]
fn gaps_are_filled_by_number_series_repetition_or_line() {
    let two = [("a", "- 1 - - 4 -"), ("b", "9 9 9 - 9 9")];
    assert_eq!(series("FILL(a, 0)", &two), points("0 1 0 0 4 0"));
    assert_eq!(series("FILL(a, b)", &two), points("9 1 9 - 4 9"));
    assert_eq!(series("FILL(a, REPEAT)", &two), points("- 1 1 1 4 4"));
    assert_eq!(series("FILL(a, LINEAR)", &two), points("- 1 2 3 4 -"));
}

#[test]
fn aggregates_take_a_series_to_a_number_and_several_to_a_series() {
    let two = [("a", "1 2 -"), ("b", "3 - -")];
    assert_eq!(work_out("SUM(a)", &two), Value::Number(Some(3.0)));
    assert_eq!(work_out("STDDEV(a)", &two), Value::Number(Some(0.5)));
    assert_eq!(series("SUM([a, b])", &two), points("4 2 -"));
    assert_eq!(series("AVG(METRICS())", &two), points("2 2 -"));
    assert_eq!(series("MAX(METRICS(\"b\"))", &two), points("3 - -"));
    assert_eq!(series("MIN([a, b, 0])", &two), points("0 0 0"));
    assert_eq!(series("a - AVG(a)", &two), points("-0.5 0.5 -"));
}

#[test]
fn rates_are_per_second_and_span_gaps() {
    let one = [("a", "60 120 - 360")];
    assert_eq!(series("DIFF(a)", &one), points("- 60 - 240"));
    assert_eq!(series("RATE(a)", &one), points("- 1 - 2"));
    assert_eq!(series("a / PERIOD(a)", &one), points("1 2 - 6"));
    assert_eq!(series("CEIL(a / 100) + FLOOR(a / 100) + ABS(-a)", &one), points("61 123 - 367"));
}

#[test]
fn what_cannot_be_worked_out_is_told_with_its_place() {
    assert_eq!(complaint("a +"), "3: the expression ends here, but a number, an id, a function or `(` is expected");
    assert_eq!(complaint("a + c"), "4: no metric has the id `c`; there are: a, b");
    assert!(complaint("FIIL(a, 0)").contains("did you mean `FILL`"));
    assert!(complaint("a = 1").contains("write `==` to compare"));
    assert!(complaint("IF(a)").contains("takes 2 to 3 arguments, not 1"));
    assert!(complaint("[a] + [b]").contains("two lists"));
    assert!(complaint("RATE(5)").contains("a series is expected"));
    assert!(complaint("(a").contains("`)` is expected"));
    assert!(complaint("\"a").contains("never closed"));
    assert!(complaint(&"(".repeat(500)).contains("nested too deeply"));
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (0u32..1_000_000).prop_map(|n| Node::Number(f64::from(n) / 8.0)),
        prop::sample::select(vec!["a", "b", "rate_2"]).prop_map(|id| Node::Id(id.into())),
    ]
    .prop_map(|node| Expr { at: 0, node });
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(Operator::ALL.to_vec());
        let function = prop::sample::select(Function::ALL.to_vec());
        prop_oneof![
            inner.clone().prop_map(|e| Node::Minus(Box::new(e))),
            (operator, inner.clone(), inner.clone()).prop_map(|(o, l, r)| Node::Binary(o, Box::new(l), Box::new(r))),
            (function, prop::collection::vec(inner.clone(), 0..3)).prop_map(|(f, parts)| Node::Call(f, parts)),
            prop::collection::vec(inner, 0..3).prop_map(Node::List),
        ]
        .prop_map(|node| Expr { at: 0, node })
    })
}

proptest! {
    #[test]
    fn an_expression_reads_back_as_it_prints(expr in expr()) {
        let printed = expr.to_string();
        prop_assume!(printed.len() <= 1_024);
        prop_assert_eq!(parse(&printed).map_err(|e| format!("{printed}: {e}")), Ok(expr));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_expression_makes_the_evaluation_panic(
        expr in expr(), a in prop::collection::vec(prop::option::of(any::<f64>()), 4),
    ) {
        let values = [("a", a.clone()), ("b", a), ("rate_2", vec![None; 4])];
        let values = values.into_iter().map(|(id, points)| (id.to_owned(), Value::Series(points))).collect();
        let inputs = Inputs { values, metrics: vec!["a".into(), "b".into()], period: 1.0, length: 4 };
        let _ = evaluate(&expr, &inputs);
    }

    #[test]
    fn what_an_expression_yields_does_not_depend_on_the_data(
        expr in expr(), a in prop::collection::vec(prop::option::of(-1e6..1e6), 4),
    ) {
        let with = |points: Points| {
            let values = ["a", "b", "rate_2"].map(|id| (id.to_owned(), Value::Series(points.clone()))).into();
            evaluate(&expr, &Inputs { values, metrics: vec!["a".into()], period: 1.0, length: 4 })
                .map(|value| std::mem::discriminant(&value))
        };
        prop_assert_eq!(with(a), with(vec![None; 4]));
    }
}
