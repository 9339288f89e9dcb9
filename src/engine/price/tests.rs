use proptest::prelude::*;

use super::*;

/// The quotes of a text in short: `¥8,980`, `(¥9,980)` for a former price, `[¥500]` for none of a product.
fn read(text: &str) -> String {
    let show = |quote: Quote| {
        let price = match quote.reach {
            Reach::Exact => quote.price.to_string(),
            Reach::UpTo(high) => format!("{}-{high}", quote.price),
            Reach::From => format!("{}+", quote.price),
        };
        match quote.role {
            Role::Current => price,
            Role::Former => format!("({price})"),
            Role::Other => format!("[{price}]"),
        }
    };
    quotes(text).into_iter().map(show).collect::<Vec<_>>().join(" ")
}

fn all(expected: &[(&str, &str)]) {
    let wrong: Vec<_> = expected.iter().filter(|(text, quotes)| read(text) != *quotes).collect();
    let told: Vec<_> = wrong.iter().map(|(text, quotes)| format!("{text}: {:?}, not {quotes:?}", read(text))).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn prices_are_read_in_every_way_that_shops_write_them() {
    all(&[
        ("It costs ¥8,980.", "¥8,980"),
        ("8980円です", "¥8,980"),
        ("8,980 JPY", "¥8,980"),
        ("JPY 8980", "¥8,980"),
        ("JPY8980", "¥8,980"),
        ("$9.99", "$9.99"),
        ("US$9.99", "$9.99"),
        ("USD 9.99", "$9.99"),
        ("9.99 USD", "$9.99"),
        ("$9.99 USD", "$9.99"),
        ("9.99 dollars", "$9.99"),
        ("1.234,56 €", "€1,234.56"),
        ("1\u{202f}234,56 €", "€1,234.56"),
        ("€1,234.56", "€1,234.56"),
        ("1.234 €", "€1,234.00"),
        ("８，９８０円", "¥8,980"),
        ("￥８９８０", "¥8,980"),
        ("税込8,980円", "¥8,980"),
        ("8,980円（税込）", "¥8,980"),
        ("¥ 8,980", "¥8,980"),
        ("1万2,800円", "¥12,800"),
        ("1.2万円", "¥12,000"),
        ("$25 CAD", "C$25.00"),
        ("HK$80", "HK$80.00"),
        ("8980yen", "¥8,980"),
        ("8980¥", "¥8,980"),
    ]);
}

#[test]
fn what_is_no_price_is_not_read_as_one() {
    for text in [
        "One Piece has 1,100 chapters in 105 volumes since 1997.",
        "Order #12345 ships on 2026-11-25 at 10:30.",
        "Volume 105 is 20% longer.",
        "ISBN 978-4-08-882644-8",
        "It sold 500 million copies and made 400億円.",
        "第105巻は2024年11月1日発売",
        "Yen Press publishes volume 12 Yen Press edition",
        "B08X1YRSTR",
        "call 0120-123-456",
        "$5k",
        "",
        "¥",
        "1,2,3 円周率 3.14159",
    ] {
        assert_eq!(read(text), "", "{text}");
    }
}

#[test]
fn the_words_around_a_price_say_what_it_is() {
    all(&[
        ("¥ 8,980 (10% off, was ¥9,980)", "¥8,980 (¥9,980)"),
        ("One Piece Volume 105 is ¥528 (regular price).", "¥528"),
        ("The regular price is ¥528.", "¥528"),
        ("Regular price ¥9,980, now ¥8,980.", "(¥9,980) ¥8,980"),
        ("定価9,980円、今なら8,980円", "(¥9,980) ¥8,980"),
        ("It was ¥12,800.", "(¥12,800)"),
        ("It was written by Oda and costs ¥528.", "¥528"),
        ("dropped from ¥12,800 to ¥8,980", "(¥12,800) ¥8,980"),
        ("from 12,800 yen to 8,980 yen", "(¥12,800) ¥8,980"),
        ("Free shipping on orders over ¥2,000", "[¥2,000]"),
        ("Shipping costs ¥500, the book ¥528.", "[¥500] ¥528"),
        ("送料500円、本体528円", "[¥500] ¥528"),
        ("送料無料 8,980円", "¥8,980"),
        ("Save ¥1,000!", "[¥1,000]"),
        ("500円引き", "[¥500]"),
        ("2,000円以上で送料無料", "[¥2,000]"),
        ("$5 off with the coupon; you pay $9.99", "[$5.00] $9.99"),
        ("-¥500", "[¥500]"),
        ("Over 100 chapters for ¥528", "¥528"),
    ]);
}

#[test]
fn ranges_and_several_prices_are_told_apart() {
    all(&[
        ("¥500-¥800", "¥500-¥800"),
        ("500〜800円", "¥500-¥800"),
        ("$9.99 – $12.99", "$9.99-$12.99"),
        ("between ¥500 to ¥800", "¥500-¥800"),
        ("Prices start from $9.99.", "$9.99+"),
        ("500円から", "¥500+"),
        ("500円〜", "¥500+"),
        ("¥528 - the regular edition", "¥528"),
        ("Vol. 1 is 528円 and vol. 2 is 550円", "¥528 ¥550"),
        ("Volume 105 USD 9.99", "$9.99"),
        ("vol. 105 528円", "¥528"),
        ("8,980円(税抜8,164円)", "¥8,980 ¥8,164"),
        ("5 € 6 €", "€5.00 €6.00"),
    ]);
}

#[test]
fn amounts_whose_separators_make_no_sense_are_refused() {
    for text in ["¥8,98", "¥1,2345", "¥12.5", "$9.999.9", "$1,23.45", "¥0,500", "¥1234567890123"] {
        assert_eq!(read(text), "", "{text}");
    }
}

#[test]
fn a_quote_covers_a_price_by_amount_and_currency_never_by_digits() {
    let quote = |text: &str| current(text)[0];
    let price = |text: &str| only(text).expect("one price");
    assert!(quote("¥8,980").covers(price("8980円")));
    assert!(!quote("¥18,980").covers(price("¥8,980")) && !quote("¥8,980").covers(price("¥898")));
    assert!(!quote("$500").covers(price("¥500")));
    assert!(quote("¥500-¥800").covers(price("¥528")) && !quote("¥500-¥800").covers(price("¥801")));
}

/// An amount as one of the ways to write it.
fn written(money: Money, style: usize) -> String {
    let (plain, code) = (money.decimal(), money.currency.code());
    let shown = money.to_string();
    let bare = &shown[money.currency.symbol().len()..];
    match style {
        0 => shown,
        1 => format!("{plain} {code}"),
        2 => format!("{code} {bare}"),
        3 => shown
            .chars()
            .map(|c| if c.is_ascii_digit() { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c })
            .collect(),
        _ => format!("{code}{plain}"),
    }
}

proptest! {
    #[test]
    fn every_amount_reads_back_from_every_way_to_write_it(
        minor in 1i64..10_000_000_000, at in 0usize..13, style in 0usize..5, volume in 1u32..200,
    ) {
        let money = Money::new(minor, Currency::all().nth(at).expect("known"));
        let text = format!("Volume {volume} of the 1997 series (20% longer, 100 chapters) costs {} today.", written(money, style));
        prop_assert_eq!(current(&text), [Quote { price: money, reach: Reach::Exact, role: Role::Current }], "{}", text);
    }

    #[test]
    fn no_text_breaks_it(text in "[0-9.,'¥$€円万 a-z%()\\-〜税込USDJPY\u{a0}]{0,60}") {
        let _ = quotes(&text);
    }

    #[test]
    fn numbers_without_a_currency_are_never_prices(text in "[0-9., e-h%()#巻年話第-]{0,60}") {
        prop_assert_eq!(quotes(&text), []);
    }
}
