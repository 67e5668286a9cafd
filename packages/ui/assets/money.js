// Amounts of money as text.

/** @param {{ amount: string, currency: string }} money */
export const moneyText = (money) => `${money.amount} ${money.currency}`;
