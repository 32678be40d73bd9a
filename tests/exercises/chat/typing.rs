//! Our client at a terminal.

use super::*;

/// A terminal in which Sally has entered, and Peter, who is a bare socket.
fn room() -> Option<(Server, Screen, Guest)> {
    let server = Server::start("chat", &[]);
    let mut peter = Guest::enter(&server, "Peter");
    let mut sally = Screen::start(&["client", "chat", "--port", &server.address.port().to_string()])?;
    sally.shows(&["Enter username: "]);
    sally.keys("Sally\r");
    sally.shows(&["Enter username: Sally", "Enter message: "]);
    assert_eq!(peter.hears(), "User Sally has entered room");
    Some((server, sally, peter))
}

#[test]
fn an_incoming_line_never_tears_the_line_being_typed() {
    let Some((_server, mut sally, mut peter)) = room() else { return };
    sally.keys("Hello Pe");
    sally.shows(&["Enter username: Sally", "Enter message: Hello Pe"]);
    peter.say("Hmmm...what?");
    sally.shows(&["Enter username: Sally", "Peter: Hmmm...what?", "Enter message: Hello Pe"]);
    sally.until("the cursor behind what was typed", |sally| sally.column() == 23);
    sally.keys("ter\x1b[D\x1b[D");
    peter.say("\x1b[2Jrude");
    sally.shows(&["Enter username: Sally", "Peter: Hmmm...what?", "Peter: \\x1b[2Jrude", "Enter message: Hello Peter"]);
    sally.until("the cursor where it was put", |sally| sally.column() == 24);
    sally.keys("\r");
    assert_eq!((peter.hears(), peter.hears()).0, "Peter: Hmmm...what?");
    assert_eq!(peter.hears(), "Sally: Hello Peter");
    sally.shows(&[
        "Enter username: Sally",
        "Peter: Hmmm...what?",
        "Peter: \\x1b[2Jrude",
        "Enter message: Hello Peter",
        "Sally: Hello Peter",
        "Enter message: ",
    ]);
}

#[test]
fn a_hundred_lines_come_whole_while_a_long_one_is_typed() {
    let Some((_server, mut sally, mut peter)) = room() else { return };
    let typed = "0123456789".repeat(8);
    for at in 0..100 {
        peter.say(&format!("line {at}"));
        sally.keys(typed.get(at..=at).unwrap_or_default());
    }
    sally.until("the last lines and the end of what is typed", |sally| {
        let rows = sally.rows();
        let lines = (100 - rows.len() + 1)..100;
        rows.len() == 24
            && rows.iter().zip(lines).all(|(row, at)| *row == format!("Peter: line {at}"))
            && rows.last().is_some_and(|row| row.starts_with("Enter message: ") && row.ends_with("6789"))
    });
    sally.keys("\r");
    for at in 0..100 {
        assert_eq!(peter.hears(), format!("Peter: line {at}"));
    }
    assert_eq!(peter.hears(), format!("Sally: {typed}"));
}

#[test]
fn ctrl_d_and_ctrl_c_leave_and_give_the_terminal_back() {
    for (keys, shown) in [("\x04", "Enter message:"), ("half a li\x03", "Enter message: half a li^C")] {
        let Some((_server, mut sally, mut peter)) = room() else { return };
        assert!(!sally.is_given_back(), "it is not ours");
        sally.keys(keys);
        assert_eq!(sally.ends(), Some(0));
        assert_eq!(peter.hears(), "User Sally has left room");
        assert!(sally.is_given_back());
        assert_eq!(sally.rows(), ["Enter username: Sally", shown]);
    }
}

#[test]
fn a_refused_name_is_asked_for_again_and_ctrl_c_works_at_once() {
    let Some((server, _sally, mut peter)) = room() else { return };
    let other = Screen::start(&["client", "chat", "--port", &server.address.port().to_string()]);
    let mut other = other.expect("another terminal");
    other.shows(&["Enter username: "]);
    other.keys("Sally\r");
    other.shows(&["Enter username: Sally", "netlab: somebody here has it", "Enter username: "]);
    other.keys("\x1b[A2\r");
    other.until("its prompt", |other| other.rows().last().is_some_and(|row| row == "Enter message:"));
    assert_eq!(peter.hears(), "User Sally2 has entered room", "Up brings the earlier line back");
    other.keys("\x03");
    assert_eq!(other.ends(), Some(0));
    assert_eq!(peter.hears(), "User Sally2 has left room");
}

#[test]
fn a_server_that_ends_is_told_and_the_terminal_given_back() {
    let Some((server, mut sally, _peter)) = room() else { return };
    sally.keys("half a li");
    sally.shows(&["Enter username: Sally", "Enter message: half a li"]);
    server.interrupt();
    assert_eq!(sally.ends(), Some(1));
    assert!(sally.is_given_back());
    let rows = sally.rows();
    assert!(rows.concat().ends_with("closed the connection while we werein the room"), "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains("half")), "the line is not torn, but gone: {rows:?}");
}
