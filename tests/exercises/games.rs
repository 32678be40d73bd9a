//! The exercises `guess` and `rps` against the other side as students write it.

use std::io::Write;
use std::net::TcpStream;

use crate::programs::*;
use crate::terminal::Terminal;

/// A server that answers each line with the next of `answers`, then closes.
fn answers(answers: &'static [&'static str]) -> impl FnOnce(TcpStream) + Send + 'static {
    move |mut client| {
        for answer in answers {
            assert!(receive(&mut client).ends_with(b"\n"));
            client.write_all(answer.as_bytes()).expect("sent");
        }
    }
}

mod guess {
    use super::*;

    #[test]
    fn serves_the_client_that_a_student_wrote_in_python_without_newlines() {
        if !has_python() {
            return;
        }
        let server = Server::start("guess", &["--seed", "62"]);
        let program = "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             client.connect(('127.0.0.1', PORT))\n\
             for guess in ['4', '4', '4']:\n\
             \x20   client.send(guess.encode())\n\
             \x20   print(client.recv(1024).decode(), end='')\n\
             client.close()\n";
        let wrong = |picked| format!("Wrong! I guessed {picked} and you typed 4\n");
        assert_eq!(python(program, &server), wrong(1) + "Nice! I guessed that number\n" + &wrong(5));
        server.interrupt();
        assert_eq!(server.finish().1, "");
    }

    #[test]
    fn picks_from_one_to_five_at_each_guess_and_judges_what_is_no_number() {
        let server = Server::start("guess", &["--once"]);
        let mut client = server.connect();
        let mut picks = std::collections::BTreeSet::new();
        // 300 guesses miss one of five numbers once in 10^28 runs.
        client.write_all("9\n".repeat(300).as_bytes()).expect("sent");
        let mut heard = String::new();
        while heard.lines().count() < 300 || !heard.ends_with('\n') {
            heard += &text(&receive(&mut client));
        }
        for line in heard.lines() {
            let pick = line.strip_prefix("Wrong! I guessed ").and_then(|rest| rest.strip_suffix(" and you typed 9"));
            picks.insert(pick.unwrap_or_else(|| panic!("{line:?}")).to_owned());
        }
        assert_eq!(picks.into_iter().collect::<Vec<_>>(), ["1", "2", "3", "4", "5"]);
        client.write_all(b"four\r\n").expect("sent");
        assert_eq!(receive(&mut client), b"error: \"four\" is not a whole number\n");
    }

    #[test]
    fn the_client_guesses_until_it_was_right_or_the_server_has_closed() {
        let wrong = "Wrong! I guessed 1 and you typed 4";
        let (output, server) = client_against(
            "guess",
            answers(&["Wrong! I guessed 1 and you typed 4", "Nice! I guessed that number\n"]),
            &["4", "3", "2"],
            b"",
        );
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(text(&output.stdout), format!("{wrong}\nNice! I guessed that number\n"));

        let (output, server) =
            client_against("guess", answers(&["Wrong! I guessed 1 and you typed 4\n"]), &[], b"4\n3\n");
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), format!("{wrong}\n")), "{output:?}");
    }

    #[test]
    fn asks_at_a_terminal_until_it_was_right() {
        if !has_python() {
            return;
        }
        let server = Server::start("guess", &["--once", "--seed", "62"]);
        let mut terminal = Terminal::start("guess", server.address);
        assert_eq!(terminal.until(": "), "Enter number: ");
        terminal.type_in("4\n");
        assert_eq!(terminal.until(": "), "4\nWrong! I guessed 1 and you typed 4\nEnter number: ");
        terminal.type_in("four\n");
        assert_eq!(terminal.until("number: "), "four\nerror: \"four\" is not a whole number\nEnter number: ");
        terminal.type_in("4\n");
        assert_eq!(terminal.finish(), (0, "4\nNice! I guessed that number\n".to_owned()));
    }
}

mod rps {
    use super::*;

    const MENU: &str = "Choose object:\n1 = Paper\n2 = Stone\n3 = Scissors\n\n";

    #[test]
    fn serves_the_client_that_a_student_wrote_in_python_without_newlines() {
        if !has_python() {
            return;
        }
        let server = Server::start("rps", &["--seed", "1", "--once"]);
        let program = "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             client.connect(('127.0.0.1', PORT))\n\
             client.send('3'.encode())\n\
             pick, winner = client.recv(1024).decode().split()\n\
             print('I select', pick, winner)\n\
             client.send('rock'.encode())\n\
             print(client.recv(1024).decode(), end='')\n\
             client.close()\n";
        assert_eq!(python(program, &server), "I select Stone I\nerror: \"rock\" is not 1, 2 or 3\n");
        assert_eq!(server.finish(), (Some(0), String::new(), String::new()));
    }

    #[test]
    fn the_client_makes_sentences_of_two_words() {
        let rounds = [("Stone I", "I select Stone\nI won\n"), ("Paper you\n", "I select Paper\nYou won\n")];
        for (answer, told) in rounds.into_iter().chain([("Scissors draw\r\n", "I select Scissors\nDraw\n")]) {
            let (output, server) = client_against(
                "rps",
                move |mut client| {
                    assert_eq!(receive(&mut client), b"3\n");
                    client.write_all(answer.as_bytes()).expect("sent");
                },
                &["3"],
                b"",
            );
            server.join().expect("the server's part");
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert_eq!(text(&output.stdout), format!("{MENU}You selected Scissors\n{told}"));
        }
    }

    #[test]
    fn the_client_plays_a_round_for_each_selection() {
        let (output, server) = client_against("rps", answers(&["Stone I\n", "Paper draw\n"]), &[], b"3\n1\n");
        server.join().expect("the server's part");
        let rounds = "You selected Scissors\nI select Stone\nI won\nYou selected Paper\nI select Paper\nDraw\n";
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), format!("{MENU}{rounds}")), "{output:?}");
    }

    #[test]
    fn an_answer_that_is_none_and_a_selection_that_is_none_are_told() {
        let (output, _) = client_against("rps", answers(&["I take Stone"]), &["3"], b"");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("answered \"I take Stone\": not its pick"), "{output:?}");
        let output = netlab(&["client", "rps", "--port", "1", "4"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("\"4\" is not 1, 2 or 3"), "{output:?}");
    }

    #[test]
    fn shows_its_menu_at_a_terminal_and_plays_one_round() {
        if !has_python() {
            return;
        }
        let server = Server::start("rps", &["--once", "--seed", "1"]);
        let mut terminal = Terminal::start("rps", server.address);
        assert_eq!(terminal.until(": "), format!("{MENU}Your selection: "));
        terminal.type_in("3\n");
        assert_eq!(terminal.finish(), (0, "3\nYou selected Scissors\nI select Stone\nI won\n".to_owned()));
    }
}
