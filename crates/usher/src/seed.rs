//! `usher seed`: fills databases with made-up people and communities, to measure and to try things on. The same arguments make the
//! same rows, and what is there already stays, so that a run that broke off can be repeated.

use std::sync::Mutex;

use fastrand::Rng;
use usher_community::{MadeUpMember, MadeUpTree};
use usher_identity::MadeUpPerson;
use usher_runtime::{Random, Timestamp};

use crate::arguments::Size;
use crate::config::{Config, check_databases};
use crate::databases::Databases;
use crate::service::Service;
use crate::trouble::Trouble;

/// When the first of everything was made: 2026-01-01 in UTC.
const BEGIN: Timestamp = Timestamp(1_767_225_600_000_000);
/// How many people are made between two lines of progress.
const BATCH: u64 = 10_000;

const FIRST_NAMES: [&str; 12] =
    ["Mira", "Tomas", "Ines", "Bruno", "Carla", "Dana", "Erik", "Zoé", "Ömer", "Yuki", "Noor", "Avery"];
const LAST_NAMES: [&str; 10] =
    ["Okafor", "Lindqvist", "Moreau", "Haddad", "Schäfer", "Ito", "Novák", "Silva", "Byrne", "Achterberg"];

/// Fills the databases of the identity and the community service.
pub async fn seed(config: &Config, size: &Size) -> Result<(), Trouble> {
    let services = [Service::Identity, Service::Community];
    check_databases(config, &services)?;
    let databases = Databases::open(config, &services).await?;
    databases.check_schema().await?;
    let (Some(identity), Some(community)) =
        (databases.get(Service::Identity), databases.get(Service::Community))
    else {
        return Err(Trouble::Other("the databases did not open".to_owned()));
    };
    let failed = |error: sea_orm::DbErr| Trouble::Other(format!("the rows cannot be written: {error}"));
    let mut choice = Rng::with_seed(size.seed);
    let ids = repeatable(size.seed);
    let tree = MadeUpTree::new(&ids, BEGIN, size.communities);
    usher_community::insert_tree(community, &tree).await.map_err(failed)?;
    println!("{}: an MSSP community with {} communities inside", tree.root(), size.communities);

    let mut made = 0;
    while made < size.users {
        let count = BATCH.min(size.users - made);
        let people: Vec<MadeUpPerson> =
            (made..made + count).map(|number| person(number, &ids, &mut choice)).collect();
        let members: Vec<MadeUpMember> = people
            .iter()
            .zip(made..)
            .map(|(person, number)| member(person, number, size, &mut choice))
            .collect();
        usher_identity::insert_people(identity, &people).await.map_err(failed)?;
        usher_community::insert_members(community, &tree, &members).await.map_err(failed)?;
        made += count;
        println!("{made} of {} people", size.users);
    }
    Ok(())
}

/// Random bytes that are the same for the same seed.
fn repeatable(seed: u64) -> Random {
    // Not the generator of the choices: how many ids are made must not change what is chosen.
    let generator = Mutex::new(Rng::with_seed(!seed));
    Random::told_by(move |bytes| {
        if let Ok(mut generator) = generator.lock() {
            generator.fill(bytes);
        }
    })
}

fn person(number: u64, ids: &Random, choice: &mut Rng) -> MadeUpPerson {
    let moment = BEGIN.after(std::time::Duration::from_secs(number));
    let pick = |names: &[&str], choice: &mut Rng| names[choice.usize(..names.len())].to_owned();
    MadeUpPerson {
        id: ids.uuid(moment),
        email: format!("person{number}@seed.example"),
        full_name: format!("{} {}", pick(&FIRST_NAMES, choice), pick(&LAST_NAMES, choice)),
        create_time: moment,
    }
}

/// Where the person belongs. The first one administers the whole tree.
fn member(person: &MadeUpPerson, number: u64, size: &Size, choice: &mut Rng) -> MadeUpMember {
    let share = size.memberships / size.users + u64::from(number < size.memberships % size.users);
    let share = usize::try_from(share).unwrap_or(usize::MAX).min(size.communities as usize);
    let mut places: Vec<u32> = Vec::with_capacity(share);
    while places.len() < share {
        let place = choice.u32(..size.communities);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let in_root = if number == 0 { Some(true) } else { choice.f64().lt(&0.001).then_some(false) };
    MadeUpMember {
        user: person.id,
        email: person.email.clone(),
        full_name: person.full_name.clone(),
        create_time: person.create_time,
        places: places.into_iter().map(|place| (place as usize, choice.u8(..))).collect(),
        in_root,
    }
}
