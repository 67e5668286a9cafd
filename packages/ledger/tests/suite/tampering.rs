use imajin_kernel::Span;
use imajin_ledger::{Command, HoldRelease, Release, checkpoint_sign};
use imajin_store::{Conn, Finding, Sealer, StoreError, tamper};

use crate::world::{World, audit, on_both, person, place, transfer};

async fn history(world: &World) {
    let (ann, bob) = (person(1), person(2));
    world.fund("fund", &ann, 100).await;
    world.later(Span::seconds(1));
    world.execute_one(transfer("t", &ann, &bob, 30)).await.unwrap();
    let (open, voided) = (place(world, "h1", &ann, 20), place(world, "h2", &bob, 10));
    let hold = voided.id;
    world.execute(vec![Command::Place(open), Command::Place(voided)]).await;
    let release = HoldRelease {
        hold,
        key: "v".to_owned(),
        why: Release::Void,
        reference: "x".to_owned(),
    };
    world.execute_one(Command::Release(release)).await.unwrap();
    let (ledger, keyring) = (world.ledger.clone(), world.keyring.clone());
    let signed = world
        .db
        .write(move |conn| checkpoint_sign(conn, &ledger, &keyring))
        .await;
    Result::<_, imajin_ledger::LedgerError>::unwrap(signed);
}

fn named(findings: &[Finding], table: &str) -> bool {
    findings.iter().any(|finding| finding.table == table)
}

fn every_column(conn: &mut Conn, sealer: &Sealer) -> Result<usize, StoreError> {
    let mut tampered_with = 0;
    for table in tamper::tables(conn)?
        .into_iter()
        .filter(|table| table.starts_with("ledger_"))
    {
        for column in tamper::columns(conn, &table)? {
            for row in tamper::rows(conn, &table)? {
                let Some(tampered) = tamper::tamper(conn, &table, &column.name, &row)? else {
                    continue;
                };
                let findings = audit(conn, sealer)?;
                assert!(
                    named(&findings, &table),
                    "{table}.{} was changed unseen: {findings:?}",
                    column.name
                );
                tampered.undo(conn)?;
                tampered_with += 1;
            }
        }
    }
    Ok(tampered_with)
}

on_both! {
    async fn every_changed_column_is_found(world: World) {
        history(&world).await;
        assert_eq!(world.audit().await, []);
        let sealer = world.sealer.clone();
        let count = world.db.write(move |conn| every_column(conn, &sealer)).await.unwrap();
        assert!(count > 100, "only {count} columns could be changed");
        assert_eq!(world.audit().await, []);
    }
}
