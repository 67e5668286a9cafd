//! Somebody with the people around them: a picture whose every person is a link, so that one walks it without
//! JavaScript. Drawn in integers.

use askama::Template;
use askama::filters::HtmlSafe;

/// Half of the picture's height and width.
const MIDDLE: i64 = 320;
/// How far the people stand from the middle.
const RADIUS: i64 = 218;
/// Seats around the middle. A quarter of a circle has six.
const SEATS: usize = 24;
/// The sine of the seats of the first quarter, in thousandths: every 15 degrees.
const SINES: [i64; 7] = [0, 259, 500, 707, 866, 966, 1000];
/// A longer name is cut: it would run into the next.
const NAME_LENGTH_MAX: usize = 14;

/// The picture.
#[derive(Debug, Clone, Default)]
pub struct Constellation {
    /// Who is in the middle.
    pub center: String,
    /// The people around, each with the page about them; those for whom there is no seat are left out.
    pub people: Vec<(String, String)>,
}

/// A person in the picture.
struct Star {
    name: String,
    letter: String,
    path: String,
    x: i64,
    y: i64,
}

#[derive(Template)]
#[template(path = "part/constellation.svg.html")]
struct Picture<'a> {
    center: String,
    letter: String,
    label: &'a str,
    middle: i64,
    stars: Vec<Star>,
}

impl Constellation {
    /// How many people the picture has room for.
    pub const ROOM: usize = SEATS;
}

impl std::fmt::Display for Constellation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let people: Vec<&(String, String)> = self.people.iter().take(SEATS).collect();
        let stars = people.iter().enumerate().map(|(index, (name, path))| {
            // Spread over the whole circle: few people stand far from each other.
            let seat = index * SEATS / people.len().max(1);
            let (x, y) = place(seat);
            Star {
                name: cut(name),
                letter: letter(name),
                path: path.clone(),
                x,
                y,
            }
        });
        let picture = Picture {
            center: cut(&self.center),
            letter: letter(&self.center),
            label: &self.center,
            middle: MIDDLE,
            stars: stars.collect(),
        };
        f.write_str(&picture.render().map_err(|_error| std::fmt::Error)?)
    }
}

// The template has escaped what is in it.
impl HtmlSafe for Constellation {}

/// The sine of a seat in thousandths.
fn sine(seat: usize) -> i64 {
    let seat = seat % SEATS;
    let quarter = SEATS / 4;
    let rising = if (seat / quarter).is_multiple_of(2) {
        seat % quarter
    } else {
        quarter - seat % quarter
    };
    let height = SINES.get(rising).copied().unwrap_or(0);
    if seat < SEATS / 2 { height } else { -height }
}

/// Where a seat is: the first at the top, then clockwise.
fn place(seat: usize) -> (i64, i64) {
    let x = MIDDLE + RADIUS * sine(seat) / 1000;
    let y = MIDDLE - RADIUS * sine(seat + SEATS / 4) / 1000;
    (x, y)
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_LENGTH_MAX {
        return name.to_owned();
    }
    let start: String = name.chars().take(NAME_LENGTH_MAX - 1).collect();
    format!("{start}…")
}

fn letter(name: &str) -> String {
    let first = name.chars().find(|letter| letter.is_alphanumeric());
    first.map_or_else(|| "·".to_owned(), |letter| letter.to_uppercase().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seats_are_a_circle() {
        assert_eq!(place(0), (MIDDLE, MIDDLE - RADIUS));
        assert_eq!(place(6), (MIDDLE + RADIUS, MIDDLE));
        assert_eq!(place(12), (MIDDLE, MIDDLE + RADIUS));
        assert_eq!(place(18), (MIDDLE - RADIUS, MIDDLE));
        for seat in 0..SEATS {
            let (x, y) = place(seat);
            let square = (x - MIDDLE).pow(2) + (y - MIDDLE).pow(2);
            assert!((square - RADIUS.pow(2)).abs() < 1_000, "seat {seat}");
        }
    }

    #[test]
    fn a_crowd_is_cut_and_a_name_as_well() {
        let people = (0..40).map(|number| (format!("Person number {number}"), "/p/x".to_owned()));
        let picture = Constellation {
            center: "Ada".to_owned(),
            people: people.collect(),
        };
        let svg = picture.to_string();
        assert_eq!(svg.matches("<a ").count(), SEATS);
        assert!(svg.contains("Person number…"));
    }
}
