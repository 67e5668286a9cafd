use imajin_money::{Amount, Share};

const MILLION: i128 = 1_000_000;

/// A share exactly, such as `70 %` or `33.3334 %`.
pub(crate) fn share_percent(share: Share) -> String {
    percent(i128::from(share.millionths()))
}

/// What `part` is of `whole`, rounded to four places: for reading, beside the exact amounts. Neither nothing nor
/// everything is said of what only comes close to it.
pub(crate) fn part_percent(part: Amount, whole: Amount) -> String {
    let (part, whole) = (i128::from(part.micros()), i128::from(whole.micros()));
    if whole == 0 || part == 0 {
        return percent(0);
    }
    match (part * MILLION + whole / 2) / whole {
        0 => "< 0.0001 %".to_owned(),
        MILLION if part != whole => "> 99.9999 %".to_owned(),
        millionths => percent(millionths),
    }
}

fn percent(millionths: i128) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(value: i64) -> Amount {
        Amount::from_micros(value).unwrap()
    }

    #[test]
    fn shares_are_exact() {
        for (millionths, text) in [
            (700_000, "70 %"),
            (333_334, "33.3334 %"),
            (1, "0.0001 %"),
            (1_000_000, "100 %"),
            (50_500, "5.05 %"),
        ] {
            assert_eq!(share_percent(Share::from_millionths(millionths).unwrap()), text);
        }
    }

    #[test]
    fn parts_are_rounded_and_never_to_nothing_or_everything() {
        assert_eq!(part_percent(micros(7_000_000), micros(10_000_000)), "70 %");
        assert_eq!(part_percent(micros(3_329_997), micros(9_990_000)), "33.3333 %");
        assert_eq!(part_percent(micros(1), micros(100_000_000)), "< 0.0001 %");
        assert_eq!(part_percent(micros(99_999_999), micros(100_000_000)), "> 99.9999 %");
        assert_eq!(part_percent(micros(0), micros(0)), "0 %");
        assert_eq!(part_percent(Amount::MAX, Amount::MAX), "100 %");
    }
}
