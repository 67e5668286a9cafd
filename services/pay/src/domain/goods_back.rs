//! What the selling service is told when the money of a sale is gone again, whichever way it went: then the goods are
//! the seller's.

use imajin_kernel::id::RefundId;
use imajin_money::Money;
use imajin_pay_api::GoodsReturn;
use imajin_store::{Conn, outbox};

use super::sale::Sale;
use crate::PayError;
use crate::context::Context;

/// The outbox topic of money that went back, and of which the selling service has not heard.
pub(crate) const GOODS_RETURN: &str = "goods_return";

/// Has the selling service told that so much of a sale has gone back in all.
pub(crate) fn goods_back_owe(
    conn: &mut Conn,
    context: &Context,
    sale: &Sale,
    refund: RefundId,
    refunded: Money,
) -> Result<(), PayError> {
    let told = GoodsReturn {
        goods: sale.checkout.goods(),
        checkout: sale.checkout.id,
        receipt: sale.body.id,
        refund,
        refunded,
        whole: refunded == sale.body.gross,
    };
    let key = sale.checkout.id.to_string();
    outbox::enqueue(conn, &context.sealer, &context.env, GOODS_RETURN, &key, &told)?;
    Ok(())
}

/// The same of a sale that nobody has paid for after all. That is no refund, and has a name of its own.
pub(crate) fn goods_unpaid_owe(conn: &mut Conn, context: &Context, sale: &Sale) -> Result<(), PayError> {
    goods_back_owe(conn, context, sale, context.env.new_id(), sale.body.gross)
}
