//! The picture of a settlement: from the whole amount on the left to each payee on the right, each band as thick as
//! its part. Drawn as SVG in integers, once for a phone and once for a wide page; the exact amounts are in the table
//! below it.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::MoneyText;

/// More than this many payees make a wall, not a picture: the rest becomes one band.
const LEAVES_MAX: usize = 16;
/// Height of all bands together.
const BANDS_HEIGHT: i64 = 168;
/// Room for the whole amount's label.
const TOP: i64 = 52;
/// Height that a payee's two lines of text need.
const SLOT_MIN: i64 = 54;
/// Space between two bands on the right.
const SLOT_GAP: i64 = 26;
/// Room for the title of a manifest that a group of bands passes through, above the first of its payees.
const GROUP_TOP: i64 = 26;
/// Width of the bars at which bands start and end.
const BAR: i64 = 8;

/// Someone at the right end of the picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlowLeaf {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) amount: String,
    /// Thickness of the band, in the same unit for all leaves.
    pub(crate) weight: i64,
    /// Title of the other manifest that the part goes through.
    pub(crate) group: Option<String>,
    pub(crate) held: bool,
    pub(crate) fee: bool,
}

/// What the picture is called, and what stands below the whole amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlowWords {
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
}

/// The finished picture.
#[derive(Debug, Clone, Template)]
#[template(path = "part/flow.svg.html")]
pub(crate) struct Flow {
    /// `narrow` or `wide`: which screen shows it.
    size: &'static str,
    words: FlowWords,
    width: i64,
    height: i64,
    gross: MoneyText,
    source_y: i64,
    source_height: i64,
    bands: Vec<Band>,
    groups: Vec<Group>,
    leaves: Vec<Label>,
    label_x: i64,
    leaf_x: i64,
    summary: String,
}

impl HtmlSafe for Flow {}

#[derive(Debug, Clone)]
struct Band {
    path: String,
    class: String,
}

#[derive(Debug, Clone)]
struct Group {
    x: i64,
    y: i64,
    height: i64,
    title_y: i64,
    title: String,
}

#[derive(Debug, Clone)]
struct Label {
    y: i64,
    height: i64,
    title_y: i64,
    note_y: i64,
    class: String,
    title: String,
    amount: String,
    note: String,
}

struct Measures {
    size: &'static str,
    width: i64,
    leaf_x: i64,
    chars: usize,
}

const NARROW: Measures = Measures {
    size: "narrow",
    width: 340,
    leaf_x: 128,
    chars: 22,
};
const WIDE: Measures = Measures {
    size: "wide",
    width: 600,
    leaf_x: 330,
    chars: 31,
};

impl Flow {
    /// The picture for a phone and the one for a wide page; none where there is nothing to split.
    pub(crate) fn both(words: FlowWords, gross: &MoneyText, leaves: &[FlowLeaf]) -> Vec<Self> {
        if leaves.iter().all(|leaf| leaf.weight <= 0) {
            return Vec::new();
        }
        let leaves = leaves_arranged(leaves);
        [&NARROW, &WIDE]
            .into_iter()
            .map(|measures| Self::draw(measures, words, gross, &leaves))
            .collect()
    }

    fn draw(measures: &Measures, words: FlowWords, gross: &MoneyText, leaves: &[FlowLeaf]) -> Self {
        let total = leaves
            .iter()
            .map(|leaf| i128::from(leaf.weight.max(0)))
            .sum::<i128>()
            .max(1);
        let mut labels = Vec::with_capacity(leaves.len());
        let mut group_before: Option<&str> = None;
        let mut y = TOP;
        for (index, leaf) in leaves.iter().enumerate() {
            let group = leaf.group.as_deref();
            if group.is_some() && group != group_before {
                y += GROUP_TOP;
            }
            group_before = group;
            let height = thickness(leaf.weight, total);
            let slot = SLOT_MIN.max(height + SLOT_GAP);
            labels.push(label(measures, leaf, index, y + (slot - height) / 2, height));
            y += slot;
        }
        let source_height = labels.iter().map(|label| label.height).sum::<i64>();
        let source_y = TOP + (y - TOP - source_height) / 2;
        let (bands, groups) = bands(measures, leaves, &labels, source_y);
        let ends = leaves
            .iter()
            .map(|leaf| format!("{} {} ({})", leaf.title, leaf.amount, leaf.note));
        Self {
            size: measures.size,
            words,
            width: measures.width,
            height: y + 4,
            gross: gross.clone(),
            source_y,
            source_height,
            bands,
            groups,
            leaves: labels,
            label_x: measures.leaf_x + BAR + 12,
            leaf_x: measures.leaf_x,
            summary: format!("{} goes to: {}.", gross.plain(), ends.collect::<Vec<_>>().join("; ")),
        }
    }
}

/// At most [`LEAVES_MAX`] leaves, those of one group side by side, in the order in which groups first appear.
fn leaves_arranged(leaves: &[FlowLeaf]) -> Vec<FlowLeaf> {
    let first_of = |leaf: &FlowLeaf| match &leaf.group {
        None => None,
        Some(group) => leaves.iter().position(|other| other.group.as_ref() == Some(group)),
    };
    let mut arranged = leaves.iter().enumerate().collect::<Vec<_>>();
    arranged.sort_by_key(|(index, leaf)| (first_of(leaf).unwrap_or(*index), *index));
    let mut arranged = arranged
        .into_iter()
        .map(|(_index, leaf)| leaf.clone())
        .collect::<Vec<_>>();
    if arranged.len() > LEAVES_MAX {
        let rest = arranged.split_off(LEAVES_MAX - 1);
        arranged.push(FlowLeaf {
            title: format!("{} more", rest.len()),
            note: "all in the table".to_owned(),
            weight: rest.iter().fold(0, |sum, leaf| sum.saturating_add(leaf.weight.max(0))),
            ..FlowLeaf::default()
        });
    }
    arranged
}

/// Thickness of a band. What is not nothing stays visible.
fn thickness(weight: i64, total: i128) -> i64 {
    let exact = i128::from(weight.max(0)) * i128::from(BANDS_HEIGHT) / total;
    i64::try_from(exact).unwrap_or(BANDS_HEIGHT).max(2)
}

fn label(measures: &Measures, leaf: &FlowLeaf, index: usize, y: i64, height: i64) -> Label {
    let color = if leaf.fee {
        "flow-fee".to_owned()
    } else {
        format!("flow-c{}", index % 6)
    };
    let middle = y + height / 2;
    Label {
        y,
        height,
        title_y: middle - 4,
        note_y: middle + 15,
        class: if leaf.held { format!("{color} flow-held") } else { color },
        title: shortened(&leaf.title, measures.chars),
        amount: leaf.amount.clone(),
        note: shortened(&leaf.note, measures.chars.saturating_sub(leaf.amount.len() + 2)),
    }
}

/// The bands from the source to each leaf, through a bar in the middle where a part goes through another manifest.
fn bands(measures: &Measures, leaves: &[FlowLeaf], labels: &[Label], source_y: i64) -> (Vec<Band>, Vec<Group>) {
    let group_x = measures.leaf_x / 2;
    // Every band bends in the same place, so that none crosses another.
    let bend_x = if leaves.iter().any(|leaf| leaf.group.is_some()) {
        group_x
    } else {
        measures.leaf_x
    };
    let mut bands = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut from_y = source_y;
    let mut pairs = leaves.iter().zip(labels).peekable();
    while let Some((leaf, label)) = pairs.next() {
        let Some(title) = &leaf.group else {
            bands.push(band(
                (BAR, from_y),
                (bend_x, label.y),
                measures.leaf_x,
                label.height,
                &label.class,
            ));
            from_y += label.height;
            continue;
        };
        let mut members = vec![label];
        while let Some((_leaf, label)) = pairs.next_if(|(next, _label)| next.group == leaf.group) {
            members.push(label);
        }
        let height = members.iter().map(|label| label.height).sum::<i64>();
        let top = label.y;
        let bottom = members.last().map_or(top, |label| label.y + label.height);
        let group_y = top + (bottom - top - height) / 2;
        bands.push(band((BAR, from_y), (group_x, group_y), group_x, height, "flow-through"));
        let mut inner_y = group_y;
        for label in members {
            let end = (measures.leaf_x, label.y);
            bands.push(band(
                (group_x + BAR, inner_y),
                end,
                measures.leaf_x,
                label.height,
                &label.class,
            ));
            inner_y += label.height;
        }
        let title = shortened(&format!("through {title}"), measures.chars);
        groups.push(Group {
            x: group_x,
            y: group_y,
            height,
            title_y: label.title_y - 24,
            title,
        });
        from_y += height;
    }
    (bands, groups)
}

/// A band of even thickness with two soft bends, then straight on to `end_x`.
fn band((x1, y1): (i64, i64), (x2, y2): (i64, i64), end_x: i64, height: i64, class: &str) -> Band {
    let middle = i64::midpoint(x1, x2);
    let (bottom1, bottom2) = (y1 + height, y2 + height);
    let path = format!(
        "M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}H{end_x}V{bottom2}H{x2}\
         C{middle} {bottom2} {middle} {bottom1} {x1} {bottom1}Z"
    );
    Band {
        path,
        class: class.to_owned(),
    }
}

/// `text` cut to about `columns` columns; an East Asian character takes two.
fn shortened(text: &str, columns: usize) -> String {
    let width = |character: char| if character >= '\u{1100}' { 2 } else { 1 };
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let mut short = String::new();
    for character in text.chars() {
        used += width(character);
        if used > columns {
            break;
        }
        short.push(character);
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: FlowWords = FlowWords { title: "", note: "" };

    fn leaf(title: &str, weight: i64, group: Option<&str>) -> FlowLeaf {
        FlowLeaf {
            title: title.to_owned(),
            weight,
            group: group.map(str::to_owned),
            ..FlowLeaf::default()
        }
    }

    #[test]
    fn thickness_follows_the_part() {
        let flows = Flow::both(
            WORDS,
            &MoneyText::default(),
            &[leaf("a", 7_000_000, None), leaf("b", 3_000_000, None)],
        );
        let heights = flows[1].leaves.iter().map(|label| label.height).collect::<Vec<_>>();
        assert_eq!(heights, [117, 50]);
        assert_eq!(flows[1].source_height, 167);
    }

    #[test]
    fn nothing_to_split_has_no_picture() {
        assert!(Flow::both(WORDS, &MoneyText::default(), &[]).is_empty());
        assert!(Flow::both(WORDS, &MoneyText::default(), &[leaf("a", 0, None), leaf("b", -1, None)]).is_empty());
    }

    #[test]
    fn extreme_amounts_do_not_overflow() {
        let flows = Flow::both(
            WORDS,
            &MoneyText::default(),
            &[leaf("a", i64::MAX, None), leaf("b", i64::MAX, Some("g"))],
        );
        assert_eq!(flows[0].leaves[0].height, 84);
    }

    #[test]
    fn a_group_has_a_bar_of_its_own_and_stays_together() {
        let leaves = [
            leaf("a", 5, Some("song")),
            leaf("b", 5, None),
            leaf("c", 5, Some("song")),
        ];
        let flow = &Flow::both(WORDS, &MoneyText::default(), &leaves)[0];
        assert_eq!(flow.groups.len(), 1);
        assert_eq!(
            flow.leaves.iter().map(|label| label.title.as_str()).collect::<Vec<_>>(),
            ["a", "c", "b"]
        );
        assert_eq!(flow.groups[0].height, flow.leaves[0].height + flow.leaves[1].height);
    }

    #[test]
    fn many_payees_become_one_band() {
        let leaves = (0..100)
            .map(|index| leaf(&format!("p{index}"), 1, None))
            .collect::<Vec<_>>();
        let flow = &Flow::both(WORDS, &MoneyText::default(), &leaves)[0];
        assert_eq!(flow.leaves.len(), LEAVES_MAX);
        assert_eq!(flow.leaves[LEAVES_MAX - 1].title, "85 more");
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(shortened("short", 10), "short");
        assert_eq!(shortened("a long name indeed", 8), "a long…");
        assert_eq!(shortened("東京事変と椎名林檎", 9), "東京事変…");
    }
}
