use imajin_money::{Amount, Asset, Money};
use imajin_ui::MoneyText;

/// Money as a page shows it.
pub(crate) fn money_text(money: &Money) -> MoneyText {
    MoneyText::new(money.decimal(), money.asset.to_string())
}

/// An amount of a currency that is named elsewhere.
pub(crate) fn amount_text(amount: Amount, asset: Asset) -> String {
    Money::new(amount, asset).decimal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_currency_has_its_own_digits() {
        let money: Money = "3.330001 TEST-USD".parse().unwrap();
        assert_eq!(money_text(&money).plain(), "3.330001 TEST-USD");
        let amount = Amount::from_micros(7_000_000).unwrap();
        assert_eq!(amount_text(amount, Asset::TEST_USD), "7.00");
        assert_eq!(amount_text(amount, "JPY".parse().unwrap()), "7");
    }
}
