use std::process::Command;

use sandbox::current;
use sandbox::program;
use uuid::Uuid;

#[test]
fn the_story_plays_twice_on_the_same_data() {
    let data = current().folder.join(format!("dev-{}", Uuid::new_v4().simple()));
    for _ in 0..2 {
        let output = Command::new(program())
            .args(["dev", "--once", "--data"])
            .arg(&data)
            .env("USHER_SERVER__ADDRESS", "127.0.0.1:0")
            .output()
            .unwrap();
        let wrote = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{wrote}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(wrote.contains("Join your new community") && wrote.contains("Northwind SOC"), "{wrote}");
    }
}
