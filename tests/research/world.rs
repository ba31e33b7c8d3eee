//! Tests, connections and traceroutes that are made up, so that every answer about
//! them can be computed from here.

use std::net::Ipv6Addr;

pub(crate) const SECOND: i64 = 1_000_000;
/// Traces are few: one query shows no more than 100 of their hops.
const TRACED: usize = 40;

/// The days of tests, as dates and as microseconds since the Unix epoch; most are of
/// [`TODAY`].  The published queries ask for November 2026.
pub(crate) const DAYS: [(&str, i64); 4] = [
    ("2026-10-05", 1_791_158_400 * SECOND),
    ("2026-11-01", 1_793_491_200 * SECOND),
    (TODAY, 1_795_478_400 * SECOND),
    ("2026-11-25", 1_795_564_800 * SECOND),
];
/// The day that is asked about alone.
pub(crate) const TODAY: &str = "2026-11-24";

/// Where a client is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) country: &'static str,
    pub(crate) region: &'static str,
    pub(crate) city: &'static str,
    pub(crate) postal_code: &'static str,
    pub(crate) asn: i64,
    pub(crate) as_name: &'static str,
    /// Of 1, tests are as often in each decade of speed; above, slow ones are more.
    skew: f64,
}

const fn place(
    country: &'static str,
    [region, city, postal_code]: [&'static str; 3],
    (asn, as_name): (i64, &'static str),
    skew: f64,
) -> Place {
    Place { country, region, city, postal_code, asn, as_name, skew }
}

/// One is drawn for each client; so often that one provider of a country has more
/// than 10,000 tests, the fewest of which the published query tells.
static PLACES: [(u64, Option<Place>); 7] = [
    (60, Some(place("US", ["WA", "Seattle", "98101"], (7922, "Comcast"), 0.5))),
    (3, Some(place("US", ["MD", "Baltimore", "21224"], (7922, "Comcast"), 0.5))),
    (2, Some(place("US", ["MD", "Baltimore", "21217"], (701, "Verizon"), 0.7))),
    (12, Some(place("IT", ["62", "Rome", "00118"], (3269, "TIM"), 1.0))),
    (5, Some(place("IT", ["25", "Milan", "20121"], (30722, "Vodafone"), 1.4))),
    (12, Some(place("BR", ["SP", "Campinas", "13010"], (28573, "Claro"), 2.0))),
    (6, None),
];

static SITES: [Option<&str>; 4] = [Some("lga03"), Some("fco01"), Some("your-site-id"), None];

/// Why a test is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The socket was never read.
    Incomplete,
    /// The server failed.
    Error,
    /// The client has a private address.
    Private,
    /// Under 8 KiB came through.
    Small,
    /// Under 9 s.
    Short,
    /// Over a minute.
    Long,
    /// Of a station that tries a new version.
    Canary,
}

/// One test in one direction.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) is_download: bool,
    pub(crate) date: &'static str,
    /// Microseconds since the Unix epoch, like no other test's.
    pub(crate) start_time: i64,
    pub(crate) client: String,
    pub(crate) place: Option<&'static Place>,
    pub(crate) site: Option<&'static str>,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) exits_early: bool,
    /// None of an incomplete test.
    pub(crate) bits_per_s: Option<f64>,
    pub(crate) min_rtt_us: i64,
    pub(crate) rtt_us: i64,
    pub(crate) rttvar_us: i64,
    /// Retransmitted share, also of uploads, whose row does not have it.
    pub(crate) loss: f64,
    pub(crate) window_scale: i64,
    pub(crate) snapshots: u64,
}

/// The fields of `filter`, in the order of [`Test::filters`].
pub(crate) const FILTERS: [&str; 12] = [
    "IsComplete",
    "IsProduction",
    "IsError",
    "IsOAM",
    "_IsRFC1918",
    "IsPlatformAnomaly",
    "IsSmall",
    "IsShort",
    "IsLong",
    "IsEarlyExit",
    "_IsCongested",
    "_IsBloated",
];

/// A connection, of a test or not.
pub(crate) struct Connection {
    pub(crate) date: &'static str,
    pub(crate) place: Option<&'static Place>,
    pub(crate) snapshots: u64,
}

/// A connection that carried no test.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) id: String,
    pub(crate) opened_time: i64,
    pub(crate) place: Option<&'static Place>,
    pub(crate) snapshots: u64,
}

/// A probe of a traceroute and who answered.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) ttl: i64,
    pub(crate) router: Option<Router>,
    pub(crate) rtt_us: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Router {
    pub(crate) address: String,
    /// Of some routers nothing is known.
    pub(crate) asn: Option<i64>,
}

/// The traceroute to the client of a test.
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    pub(crate) test: &'a Test,
    pub(crate) start_time: i64,
    pub(crate) probes: Vec<Probe>,
}

/// All that is in the tables.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) tests: Vec<Test>,
    pub(crate) scans: Vec<Scan>,
}

impl World {
    /// So many tests, and a tenth as many scans.
    pub(crate) fn of(tests: u64) -> Self {
        Self {
            tests: (0..tests).map(Test::new).collect(),
            scans: (tests..tests + tests / 10).map(Scan::new).collect(),
        }
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = Connection> {
        let tests = self.tests.iter().map(|test| Connection {
            date: test.date,
            place: test.place,
            snapshots: test.snapshots,
        });
        let scans = self.scans.iter().map(|scan| Connection {
            date: TODAY,
            place: scan.place,
            snapshots: scan.snapshots,
        });
        tests.chain(scans)
    }

    /// A download and an upload that are in every view, and whose rows in the tables
    /// have a value in every column.
    pub(crate) fn examples(&self) -> [&Test; 2] {
        let of_today = self.tests.iter().filter(|test| test.date == TODAY);
        let whole = of_today.take(TRACED).filter(|test| {
            test.flaw.is_none() && test.place.is_some() && test.site.is_some() && test.snapshots > 0
        });
        [true, false]
            .map(|is_download| whole.clone().find(|test| test.is_download == is_download).unwrap())
    }

    pub(crate) fn traces(&self) -> impl Iterator<Item = Trace<'_>> {
        let today = self.tests.iter().filter(|test| test.date == TODAY);
        today.take(TRACED).map(Trace::new)
    }
}

impl Test {
    /// Two tests that follow each other are of one client, on one day, and as fast.
    fn new(number: u64) -> Self {
        let client = number / 2;
        let of_client = |purpose| Draw::new(client, purpose);
        let of_test = |purpose| Draw::new(number, purpose);
        let day = of_client(1).below(10);
        let (date, midnight) = DAYS[match day {
            0 | 1 => day as usize,
            2..8 => 2,
            _ => 3,
        }];
        let place = place_of(client);
        let skew = place.map_or(1.0, |place| place.skew);
        let flaw = match of_test(2).below(100) {
            0 => Some(Flaw::Incomplete),
            1 => Some(Flaw::Error),
            2 => Some(Flaw::Private),
            3 => Some(Flaw::Small),
            4..8 => Some(Flaw::Short),
            8 => Some(Flaw::Long),
            9..15 => Some(Flaw::Canary),
            _ => None,
        };
        let bits_per_s = match flaw {
            Some(Flaw::Incomplete) => None,
            Some(Flaw::Small) => Some(6000.0),
            // From 0.1 to 1000 Mbit/s.
            _ => Some(10_f64.powf(5.0 + 4.0 * of_client(3).share().powf(skew))),
        };
        let min_rtt_us = 1000 + of_client(4).below(200_000) as i64;
        let rtt_us = min_rtt_us + of_test(5).below(100_000) as i64;
        Self {
            number,
            id: flow_id(number),
            is_download: of_test(6).below(10) < 7,
            date,
            // The connection opened on that day too.
            start_time: midnight + SECOND + number as i64 * 100_000,
            client: address(client, flaw),
            place,
            site: SITES[of_test(7).below(4) as usize],
            flaw,
            exits_early: of_test(8).below(2) == 0,
            bits_per_s,
            min_rtt_us,
            rtt_us,
            rttvar_us: of_test(9).below(50_000) as i64,
            loss: of_test(10).share() / 20.0,
            window_scale: of_test(11).below(12) as i64,
            snapshots: of_test(12).below(4),
        }
    }

    pub(crate) fn mbps(&self) -> Option<f64> {
        self.bits_per_s.map(|bits_per_s| bits_per_s / 1e6)
    }

    pub(crate) fn min_rtt_ms(&self) -> Option<f64> {
        self.bits_per_s.map(|_| self.min_rtt_us as f64 / 1e3)
    }

    pub(crate) fn country(&self) -> Option<&'static str> {
        self.place.map(|place| place.country)
    }

    pub(crate) fn asn(&self) -> Option<i64> {
        self.place.map(|place| place.asn)
    }

    pub(crate) fn total_retrans(&self) -> i64 {
        self.number as i64 % 5
    }

    /// What is true of it of [`FILTERS`].
    pub(crate) fn filters(&self) -> [bool; 12] {
        let is = |flaw| self.flaw == Some(flaw);
        let is_measured = self.bits_per_s.is_some();
        let [is_congested, is_bloated] =
            [self.total_retrans() > 0, self.rtt_us > 2 * self.min_rtt_us && self.rtt_us > 1000]
                .map(|it| it && is_measured && self.is_download);
        [
            is_measured,
            !is(Flaw::Canary),
            is(Flaw::Error),
            false,
            is(Flaw::Private),
            false,
            is(Flaw::Small),
            is(Flaw::Short),
            is(Flaw::Long),
            self.is_download && self.exits_early,
            is_congested,
            is_bloated,
        ]
    }

    /// Of the arm or not, it is as it should be.
    pub(crate) fn is_sound(&self) -> bool {
        match self.flaw {
            None | Some(Flaw::Canary) => true,
            Some(Flaw::Short) => self.is_download && self.exits_early,
            Some(_) => false,
        }
    }

    /// It is in a unified view.
    pub(crate) fn is_valid(&self) -> bool {
        self.is_sound() && self.flaw != Some(Flaw::Canary)
    }
}

impl Scan {
    fn new(number: u64) -> Self {
        let (_, midnight) = DAYS[2];
        Self {
            id: flow_id(number),
            opened_time: midnight + number as i64 * 100_000,
            place: place_of(number),
            snapshots: 1 + Draw::new(number, 12).below(2),
        }
    }
}

impl<'a> Trace<'a> {
    /// Two routers and silence.
    fn new(test: &'a Test) -> Self {
        let router = |purpose, asn| {
            let number = Draw::new(test.number, purpose).below(30);
            let asn = (!number.is_multiple_of(3)).then_some(asn);
            Some(Router { address: format!("203.0.113.{number}"), asn })
        };
        let probe = |ttl, router| Probe { ttl, router, rtt_us: 1234 * ttl };
        let probes = vec![probe(1, router(20, 64500)), probe(2, None), probe(3, router(21, 64501))];
        Self { test, start_time: test.start_time + 12 * SECOND, probes }
    }
}

/// Private ones of each kind, those next to them, and IPv6.
fn address(client: u64, flaw: Option<Flaw>) -> String {
    let host = format!("{}.{}", client / 256 % 256, client % 256);
    match (flaw, client % 8) {
        (Some(Flaw::Private), 0..3) => format!("10.0.{host}"),
        (Some(Flaw::Private), 3) => format!("172.16.{host}"),
        (Some(Flaw::Private), 4) => format!("172.31.{host}"),
        (Some(Flaw::Private), _) => format!("192.168.{host}"),
        (_, 0) => format!("172.{}.{host}", 32 + client / 65536),
        (_, 1) => format!("110.{}.{host}", client / 65536),
        _ => Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(client)).to_string(),
    }
}

fn flow_id(number: u64) -> String {
    format!("pod_1795000000_{number:016X}")
}

fn place_of(client: u64) -> Option<&'static Place> {
    let mut drawn = Draw::new(client, 0).below(PLACES.iter().map(|(share, _)| share).sum());
    for (share, place) in &PLACES {
        if drawn < *share {
            return place.as_ref();
        }
        drawn -= share;
    }
    None
}

/// A number without pattern for each pair of numbers (the finaliser of SplitMix64,
/// Steele, Lea and Flood 2014).
struct Draw(u64);

impl Draw {
    fn new(number: u64, purpose: u64) -> Self {
        let z = ((number << 8) | purpose).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }

    fn below(self, bound: u64) -> u64 {
        self.0 % bound
    }

    /// From 0 to 1.
    fn share(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
