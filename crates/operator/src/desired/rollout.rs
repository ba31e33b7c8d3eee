//! `spec.rollout`.

use chrono::{NaiveTime, Weekday};
use trigpoint_crd::fleet as crd;
use trigpoint_rollout::{Approval, Approve, OnFailure, Revision, Rollout, Wave, WaveNodes, Window};

use super::{count, limit};
use crate::error::Stop;
use crate::time;

pub(super) fn rollout(rollout: &crd::Rollout) -> Result<Rollout, Stop> {
    Ok(Rollout {
        waves: rollout.waves.iter().map(wave).collect(),
        max_unavailable: limit("rollout.maxUnavailable", &rollout.max_unavailable)?,
        max_lost: limit("rollout.maxLost", &rollout.max_lost)?,
        failure_budget: count(rollout.failure_budget),
        on_failure: match rollout.on_failure {
            crd::OnFailure::Pause => OnFailure::Pause,
            crd::OnFailure::Rollback => OnFailure::Rollback,
        },
        node_deadline: rollout.node_deadline.0,
        min_ready: rollout.min_ready.0,
        requires_self_test: rollout.self_test,
        max_parallel_per_site: count(rollout.max_parallel_per_site).max(1) as usize,
        windows: rollout.windows.iter().map(window).collect::<Result<_, _>>()?,
        paused: rollout.paused,
        skip_gates: rollout.skip_gates.as_ref().map(|skip| skip.reason.clone()),
        approvals: rollout.approvals.iter().map(approval).collect(),
        resumed_at: rollout.resumed_at.as_ref().map(time::from_api),
    })
}

fn wave(wave: &crd::Wave) -> Wave {
    Wave {
        name: wave.name.clone(),
        // The definition lets one of both through.
        nodes: match wave.percent {
            Some(percent) => WaveNodes::Percent(percent.clamp(0, 100) as u8),
            None => WaveNodes::Selected,
        },
        max_parallel: count(wave.max_parallel) as usize,
        bake: wave.bake.0,
        gates: wave.gates.clone(),
        approval: match wave.approval {
            crd::Approve::Auto => Approve::Auto,
            crd::Approve::Manual => Approve::Manual,
        },
    }
}

fn window(window: &crd::Window) -> Result<Window, Stop> {
    let time = |text: &str| {
        // 24:00 is 00:00 of the next day, which an end that is not later than its
        // start is anyway.
        let text = if text == "24:00" { "00:00" } else { text };
        NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| {
            Stop::Invalid(format!("`{text}` in rollout.windows is no time of the day"))
        })
    };
    let time_zone = window.time_zone.parse().map_err(|_| {
        Stop::Invalid(format!(
            "`{}` in rollout.windows is no time zone of the IANA database, such as Europe/Berlin",
            window.time_zone
        ))
    })?;
    Ok(Window {
        days: window.days.iter().map(|day| weekday(*day)).collect(),
        start: time(&window.start)?,
        end: time(&window.end)?,
        time_zone,
    })
}

fn weekday(day: crd::Day) -> Weekday {
    match day {
        crd::Day::Mon => Weekday::Mon,
        crd::Day::Tue => Weekday::Tue,
        crd::Day::Wed => Weekday::Wed,
        crd::Day::Thu => Weekday::Thu,
        crd::Day::Fri => Weekday::Fri,
        crd::Day::Sat => Weekday::Sat,
        crd::Day::Sun => Weekday::Sun,
    }
}

fn approval(approval: &crd::Approval) -> Approval {
    Approval {
        revision: Revision::new(&approval.revision),
        wave: approval.wave.clone(),
        at: time::from_api(&approval.at),
    }
}
