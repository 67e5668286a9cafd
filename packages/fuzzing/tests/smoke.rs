//! Every fuzz target, fed from a small mutator: the same inputs in every run.
#![cfg(test)]

use std::path::Path;

use imajin_fuzzing::TARGETS;

/// Numbers that look like dice and are the same in every run (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

/// Bytes that mean something to one of the parsers.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b":",
    b";",
    b",",
    b".",
    b"=",
    b"%",
    b"#",
    b"\n",
    b"{}",
    b"[]",
    b"null",
    b"1e400",
    b"-0",
    b"9007199254740993",
    b"did:",
    b"did:web:",
    b"_at_",
    b"z6Mk",
    b"\\u0000",
    b";req",
    b"()",
    b"\xff",
];

fn mutate(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(data.len() + 1);
        let end = (at + 1 + dice.below(16)).min(data.len());
        match dice.below(7) {
            0 if at < data.len() => data[at] ^= 1 << dice.below(8),
            1 if at < data.len() => data[at] = u8::try_from(dice.below(256)).unwrap(),
            2 => drop(data.drain(at..end.max(at))),
            3 => drop(data.splice(at..at, WORDS[dice.below(WORDS.len())].iter().copied())),
            4 => {
                let copy = data[at..end.max(at)].to_vec();
                let to = dice.below(data.len() + 1);
                drop(data.splice(to..to, copy));
            }
            5 => {
                let from = dice.below(other.len() + 1);
                let upto = (from + dice.below(32)).min(other.len());
                drop(data.splice(at..end.max(at), other[from..upto].iter().copied()));
            }
            _ => data.truncate(at),
        }
    }
    data
}

fn feed(name: &str) {
    let inputs: u32 = std::env::var("IMAJIN_FUZZ_INPUTS").map_or(10_000, |text| text.parse().unwrap());
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    for seed in &seeds {
        (target.run)(seed);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..inputs {
        let (seed, other) = (dice.below(seeds.len()), dice.below(seeds.len()));
        (target.run)(&mutate(&seeds[seed], &seeds[other], &mut dice));
    }
}

macro_rules! smoke {
    ($($name:ident)+) => {
        $(#[test] fn $name() { feed(stringify!($name)); })+

        #[test]
        fn every_target_is_fed_here_and_is_a_program_of_its_own() {
            let mut fed = [$(stringify!($name)),+];
            fed.sort_unstable();
            assert_eq!(TARGETS.map(|target| target.name), fed);
            let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
            let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
            for name in fed {
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program in fuzz/Cargo.toml");
                let program = std::fs::read_to_string(fuzz.join(format!("targets/{name}.rs"))).unwrap();
                assert!(program.contains(&format!("run(\"{name}\", data)")), "fuzz/targets/{name}.rs runs another");
            }
        }
    };
}

smoke!(
    consent did document imagxp_claim imagxp_payment imagxp_policy imagxp_robots imagxp_visa jwt key_log manifest mjn
    passages signature_headers signed_message web_bot_auth
    work_flac work_html work_jpeg work_mp3 work_mp4 work_ogg work_pdf work_png work_svg work_text work_webp work_zip
);
