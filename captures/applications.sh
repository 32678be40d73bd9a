#!/bin/bash
# Records the conversations of applications: real servers and clients of Debian on 10.0.5.2 and 10.0.5.1 (root).
#   applications.sh [NAME...]      NAMEs are the functions below; without any, all of them
# Debian: tcpdump ethtool iproute2 python3-aiosmtpd dovecot-imapd dovecot-pop3d vsftpd inetutils-telnetd inetutils-telnet
# redis-server mosquitto mosquitto-clients tftpd-hpa tftp-hpa chrony ntpsec-ntpdate
# isc-dhcp-client dnsmasq-base bind9 bind9-dnsutils openssl curl netcat-openbsd util-linux python3 snmp snmpd libcoap3-bin
# sip-tester ngtcp2-client ngtcp2-server python3-websockets python3-h2
set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
chmod 755 "$work"
C="ip netns exec ca-c" S="ip netns exec ca-s"
# Only what this script started: processes that live in its namespaces.
down() {
    for n in ca-c ca-s; do
        for pid in $(ip netns pids $n 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
        ip netns del $n 2>/dev/null || true
    done
}
trap 'down; rm -rf "$work"' EXIT
up() {
    down
    for n in ca-c ca-s; do
        ip netns add $n
        ip -n $n link set lo up
        ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    done
    ip link add eth0 netns ca-c address 02:00:00:00:05:01 type veth peer name eth0 netns ca-s address 02:00:00:00:05:02
    ip -n ca-c addr add 10.0.5.1/24 dev eth0
    ip -n ca-s addr add 10.0.5.2/24 dev eth0
    for n in ca-c ca-s; do
        # Checksums as on a cable.
        ip netns exec $n ethtool -K eth0 tx off tso off gso off gro off >/dev/null
        ip -n $n link set eth0 up
    done
}
record() { # file expression: until stop
    $C tcpdump -q -n -Z root -U --time-stamp-precision=nano -i eth0 -w "$here/$1.pcap" "$2" 2>/dev/null &
    tcpdump=$!
    sleep 1
}
stop() {
    sleep 1.2
    kill -INT $tcpdump
    wait $tcpdump || true
    chmod 644 "$here"/*.pcap
}
# A server of TCP whose program talks to its client on standard input and output, as inetd has it.
inetd() { # port program...
    $S python3 - "$@" <<'P' &
import socket, subprocess, sys
with socket.create_server(("10.0.5.2", int(sys.argv[1]))) as listener:
    while True:
        client, _ = listener.accept()
        subprocess.Popen(sys.argv[2:], stdin=client, stdout=client)
        client.close()
P
    sleep 0.5
}

smtp() {
    up
    cat >"$work/smtp.py" <<'P'
import time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult
check = lambda server, session, envelope, mechanism, data: AuthResult(success=True)
Controller(Sink(), hostname="10.0.5.2", port=25, authenticator=check, auth_require_tls=False).start()
time.sleep(60)
P
    $S python3 "$work/smtp.py" &
    sleep 1.5
    record smtp "tcp port 25"
    $C python3 - <<'P'
import smtplib
from email.message import EmailMessage
letter = EmailMessage()
letter["Subject"] = "Žuta knjiga"
letter["From"] = "Ana <ana@lab.example>"
letter["To"] = "branko@lab.example"
letter["Date"] = "Sun, 22 Nov 2026 10:00:00 +0100"
letter.set_content("Dragi Branko,\n\nšaljem ti tri bajta.\n.\nAna\n")
letter.add_attachment(b"\x01\x02\x03\xce", maintype="application", subtype="octet-stream", filename="tri.bin")
with smtplib.SMTP("10.0.5.2", 25, local_hostname="a1.lab.example") as server:
    server.ehlo()
    server.login("ana", "tajna-rec")
    server.send_message(letter)
    try:
        server.docmd("EXPN", "svi")
    except smtplib.SMTPException:
        pass
P
    stop
}

http() {
    up
    cat >"$work/web.py" <<'P'
import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
NUMBERS = "".join(f"{number}\n" for number in range(1, 1201)).encode()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/brojevi.txt":
            self.answer(200, "text/plain", NUMBERS)
        elif self.path == "/komadi":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in ("prvi ", "drugi ", "žuti\n"):
                data = piece.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/":
            self.answer(200, "text/html", b"<p>Zdravo.</p>\n")
        else:
            self.answer(404, "text/plain", b"Nema.\n")
    do_HEAD = do_GET
    def do_POST(self):
        said = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, "application/json", b'{"bajtova": %d}\n' % len(said))
    def answer(self, status, media, data):
        self.send_response(status)
        self.send_header("Content-Type", media)
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
ThreadingHTTPServer(("10.0.5.2", 80), Handler).serve_forever()
P
    $S python3 "$work/web.py" 2>/dev/null &
    sleep 3
    record http "tcp port 80"
    $C curl -s http://10.0.5.2/ http://10.0.5.2/brojevi.txt http://10.0.5.2/komadi >/dev/null
    $C curl -s --compressed http://10.0.5.2/brojevi.txt >/dev/null
    $C curl -s -I http://10.0.5.2/brojevi.txt >/dev/null
    $C curl -s -d ime=Ana http://10.0.5.2/obrazac -o /dev/null --next -s http://10.0.5.2/nema >/dev/null
    # Two requests in one segment: the answers come one after the other.
    printf 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /komadi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' | $C timeout 5 nc -N 10.0.5.2 80 >/dev/null || true
    stop
}

dovecot_conf() {
    mkdir -p "$work/mail/cur" "$work/mail/new" "$work/mail/tmp" "$work/run"
    printf 'From: Ana <ana@lab.example>\r\nTo: branko@lab.example\r\nSubject: =?utf-8?q?=C5=BDuta_knjiga?=\r\nDate: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@lab.example>\r\n\r\nDragi Branko,\r\n.evo tri bajta: AQIDzg==\r\nAna\r\n' >"$work/mail/new/1000000000.M1P1.lab"
    chown -R nobody:nogroup "$work/mail"
    cat >"$work/dovecot.conf" <<D
base_dir = $work/run
log_path = $work/dovecot.log
protocols = imap pop3
listen = 10.0.5.2
ssl = no
disable_plaintext_auth = no
mail_location = maildir:$work/mail
first_valid_uid = 1
passdb {
  driver = static
  args = password=tajna-rec
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$work/mail
}
D
    $S dovecot -c "$work/dovecot.conf"
    sleep 1
}

pop() {
    up
    dovecot_conf
    record pop "tcp port 110"
    $C python3 - <<'P'
import poplib
box = poplib.POP3("10.0.5.2", 110)
box.capa()
box.user("branko")
box.pass_("tajna-rec")
box.stat()
box.list()
box.uidl(1)
box.retr(1)
box.top(1, 1)
try:
    box.dele(7)
except poplib.error_proto:
    pass
box.quit()
P
    stop
}

imap() {
    up
    dovecot_conf
    record imap "tcp port 143"
    $C python3 - <<'P'
import imaplib
imaplib.Commands["X"] = ("AUTH",)
box = imaplib.IMAP4("10.0.5.2", 143)
box.login("branko", "tajna-rec")
box.list()
box.select("INBOX")
box.search(None, "SUBJECT", '"knjiga"')
box.fetch("1", "(FLAGS BODY.PEEK[])")
box.uid("fetch", "1", "(FLAGS)")
box.append("INBOX", None, None, b"Subject: kratka\r\n\r\nTri bajta.\r\n")
try:
    box.create("a/../b")
except imaplib.IMAP4.error:
    pass
box.close()
box.logout()
P
    stop
}

ftp() {
    up
    mkdir -p "$work/ftp/in" "$work/empty"
    printf 'Prvi red.\nDrugi red.\n' >"$work/ftp/tri.txt"
    chown ftp "$work/ftp/in"
    cat >"$work/vsftpd.conf" <<D
listen=YES
listen_address=10.0.5.2
anonymous_enable=YES
local_enable=NO
anon_root=$work/ftp
secure_chroot_dir=$work/empty
ftp_username=ftp
write_enable=YES
anon_upload_enable=YES
anon_world_readable_only=NO
pasv_min_port=40000
pasv_max_port=40100
seccomp_sandbox=NO
background=NO
D
    $S vsftpd "$work/vsftpd.conf" &
    sleep 1
    record ftp "tcp"
    $C python3 - <<'P'
import ftplib, io
talk = ftplib.FTP("10.0.5.2")
talk.login("anonymous", "ana@lab.example")
talk.sendcmd("SYST")
talk.sendcmd("FEAT")
talk.pwd()
talk.retrlines("LIST", lambda line: None)
talk.af = __import__("socket").AF_INET6  # EPSV instead of PASV
talk.makeport_old, talk.trust_server_pasv_ipv4_address = None, True
talk.retrbinary("RETR tri.txt", lambda part: None)
talk.af = __import__("socket").AF_INET
talk.set_pasv(False)
talk.cwd("in")
talk.storbinary("STOR gore.txt", io.BytesIO(b"gore\r\n"))
try:
    talk.retrbinary("RETR nema.txt", lambda part: None)
except ftplib.error_perm:
    pass
talk.quit()
P
    stop
}

telnet() {
    up
    inetd 23 telnetd -E "/bin/sh -c 'printf \"ime: \"; read ime; echo zdravo, \$ime; sleep 0.3'"
    record telnet "tcp port 23"
    (sleep 1; printf 'ana\r'; sleep 1.5) | $C script -qec "stty rows 24 cols 80; env TERM=xterm telnet 10.0.5.2" /dev/null >/dev/null || true
    stop
}

# What a person types, a letter at a time: a name, and a password that is not shown.
login() {
    up
    inetd 23 telnetd -E "/bin/sh -c 'printf \"login: \"; read ime; stty -echo; printf \"Password: \"; read rec; stty echo; echo; echo zdravo, \$ime; sleep 0.3'"
    record login "tcp port 23"
    (
        sleep 1
        for letter in a n a '\r' t a j n a - r e c '\r'; do
            printf -- "$letter"
            sleep 0.15
        done
        sleep 1.5
    ) | $C script -qec "stty rows 24 cols 80; env TERM=xterm telnet 10.0.5.2" /dev/null >/dev/null || true
    stop
}

redis() {
    up
    $S redis-server --bind 10.0.5.2 --port 6379 --save "" --requirepass tajna-rec --dir "$work" >/dev/null &
    sleep 1
    record redis "tcp port 6379"
    $C redis-cli -h 10.0.5.2 >/dev/null <<'P'
AUTH tajna-rec
SET knjiga "žuta"
GET knjiga
GET nema
INCR broj
RPUSH red jedan dva tri
LRANGE red 0 -1
NEMA naredbe
P
    stop
}

ntp() {
    up
    printf 'local stratum 3\nallow 10.0.5.0/24\nbindaddress 10.0.5.2\ncmdport 0\npidfile %s/chronyd.pid\ndriftfile %s/drift\n' "$work" "$work" >"$work/chrony.conf"
    $S chronyd -x -d -U -f "$work/chrony.conf" -u root >/dev/null 2>&1 &
    sleep 2
    record ntp "udp port 123"
    $C ntpdate -q 10.0.5.2 >/dev/null || true
    stop
}

dhcp() {
    up
    ip -n ca-c addr flush dev eth0
    $S dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=eth0 --bind-interfaces --dhcp-range=10.0.5.100,10.0.5.150,1h \
        --dhcp-option=option:dns-server,10.0.5.2 --dhcp-option=option:ntp-server,10.0.5.2 --domain=lab.example \
        --dhcp-leasefile="$work/leases" --log-facility=/dev/null >/dev/null 2>&1 &
    sleep 1
    record dhcp "udp port 67 or udp port 68"
    printf 'send host-name "a1";\n' >"$work/dhclient.conf"
    dhclient="timeout 10 dhclient -4 -1 -sf /bin/true -lf $work/lease -pf $work/dhclient.pid -cf $work/dhclient.conf"
    $C $dhclient eth0 >/dev/null 2>&1 || true
    $C $dhclient -r eth0 >/dev/null 2>&1 || true
    stop
}

dns() {
    up
    $S dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --listen-address=10.0.5.2 --bind-interfaces --port=53 \
        --local=/lab.example/ --local=/5.0.10.in-addr.arpa/ --local-ttl=300 \
        --host-record=www.lab.example,10.0.5.2,fd00:5::2 --host-record=a1.lab.example,10.0.5.1 \
        --cname=knjiga.lab.example,www.lab.example --mx-host=lab.example,mail.lab.example,10 --txt-record=lab.example,"tri bajta" \
        $(seq -f '--txt-record=puno.lab.example,%040.0f' 14) --log-facility=/dev/null >/dev/null 2>&1 &
    mkdir "$work/web"
    echo 'Tri bajta.' >"$work/web/index.html"
    $S python3 -m http.server -b 10.0.5.2 -d "$work/web" 80 >/dev/null 2>&1 &
    sleep 1
    record dns "port 53 or tcp port 80"
    dig="$C dig @10.0.5.2 +timeout=1 +tries=3"
    for question in "www.lab.example A" "www.lab.example AAAA" "lab.example MX" "lab.example TXT" "knjiga.lab.example A" \
        "nema.lab.example A" "-x 10.0.5.1"; do
        $dig $question >/dev/null
    done
    # Too long for a datagram: asked again over TCP.
    $dig +noedns puno.lab.example TXT >/dev/null
    # A server that answers late is asked twice, by the C library's resolver with the same number.
    for pid in $(ip netns pids ca-s); do
        if [ "$(cat /proc/$pid/comm)" = dnsmasq ]; then server=$pid; fi
    done
    kill -STOP $server
    (sleep 1.5; kill -CONT $server) &
    printf 'nameserver 10.0.5.2\noptions timeout:1\n' >"$work/resolv.conf"
    $C sh -c "mount --bind $work/resolv.conf /etc/resolv.conf && curl -s http://knjiga.lab.example/" >/dev/null
    stop
}

http2() {
    up
    cat >"$work/zone" <<'Z'
$TTL 300
@ SOA ns admin 1 3600 600 86400 300
@ NS ns
@ TXT "tri bajta"
ns A 10.0.5.2
www A 10.0.5.2
www AAAA fd00:5::2
knjiga CNAME www
Z
    cat >"$work/named.conf" <<Z
options {
    directory "$work"; pid-file none; recursion no; listen-on-v6 { none; }; dnssec-validation no;
    listen-on port 80 tls none http default { 10.0.5.2; };
};
controls { };
zone "lab.example" { type primary; file "$work/zone"; };
Z
    chmod 755 "$work"
    $S named -f -n 1 -c "$work/named.conf" >/dev/null 2>&1 &
    sleep 2
    record http2 "tcp port 80"
    for question in "www.lab.example A" "knjiga.lab.example AAAA" "lab.example TXT" "nema.lab.example A"; do
        $C dig @10.0.5.2 +http-plain-post +timeout=2 +tries=1 $question >/dev/null
    done
    $C dig @10.0.5.2 +http-plain-get +timeout=2 +tries=1 www.lab.example A >/dev/null
    $C curl -s --http2-prior-knowledge http://10.0.5.2/nema >/dev/null
    # A question in three frames, each in a segment of its own.
    $C python3 - <<'P'
import socket, time, h2.connection
question = bytes.fromhex("12340100000100000000000003777777036c6162076578616d706c650000010001")
peer = socket.create_connection(("10.0.5.2", 80))
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
http = h2.connection.H2Connection()
http.initiate_connection()
http.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":authority", "10.0.5.2"), (":path", "/dns-query"),
    ("content-type", "application/dns-message"), ("accept", "application/dns-message"), ("content-length", str(len(question)))])
peer.sendall(http.data_to_send())
for begin, end in (0, 7), (7, 20), (20, len(question)):
    time.sleep(0.01)
    http.send_data(1, question[begin:end], end_stream=end == len(question))
    peer.sendall(http.data_to_send())
time.sleep(0.2)
http.receive_data(peer.recv(9999))
peer.sendall(http.data_to_send())
peer.close()
P
    stop
}

tftp() {
    up
    mkdir -p "$work/tftp"
    seq 1 300 >"$work/tftp/brojevi.txt"
    : >"$work/tftp/gore.txt"
    chmod 666 "$work/tftp"/*
    $S in.tftpd -L -a 10.0.5.2:69 -s -u nobody "$work/tftp" &
    sleep 1
    record tftp "udp"
    (cd "$work" && printf 'gore\n' >gore.txt && $C tftp -m octet 10.0.5.2 -c get brojevi.txt) || true
    (cd "$work" && $C tftp -m octet 10.0.5.2 -c get nema.txt) >/dev/null 2>&1 || true
    (cd "$work" && $C tftp -m netascii 10.0.5.2 -c put gore.txt) || true
    $C curl -s --tftp-blksize 1024 tftp://10.0.5.2/brojevi.txt >/dev/null || true
    stop
}

syslog() {
    up
    $S python3 -c 'import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.0.5.2", 514)); time.sleep(20)' &
    sleep 0.5
    record syslog "udp port 514"
    $C logger -n 10.0.5.2 -P 514 -d -t netlab -p local0.notice --rfc3164 "kabl je spojen"
    $C logger -n 10.0.5.2 -P 514 -d -t netlab -p auth.err --rfc5424 --id=77 "pristup odbijen"
    stop
}

mqtt() {
    up
    printf 'listener 1883 10.0.5.2\nallow_anonymous true\n' >"$work/mosquitto.conf"
    $S mosquitto -c "$work/mosquitto.conf" >/dev/null 2>&1 &
    sleep 1
    record mqtt "tcp port 1883"
    $C timeout 5 mosquitto_sub -h 10.0.5.2 -i slusa -t 'lab/+' -q 1 -C 1 >/dev/null &
    sleep 0.5
    $C mosquitto_pub -h 10.0.5.2 -i govori -u ana -P tajna-rec -t lab/toplota -q 1 -m 21.5
    stop
}

mqtt5() {
    up
    printf 'listener 1883 10.0.5.2\nallow_anonymous true\nmax_topic_alias 10\n' >"$work/mosquitto.conf"
    $S mosquitto -c "$work/mosquitto.conf" >/dev/null 2>&1 &
    sleep 1
    record mqtt5 "tcp port 1883"
    $C timeout 5 mosquitto_sub -V 5 -h 10.0.5.2 -i slusa -t 'lab/+' -t 'kuca/#' -q 2 -C 3 --retain-as-published \
        -D subscribe subscription-identifier 7 -D subscribe user-property ko ana -D connect receive-maximum 20 \
        --will-topic lab/kraj --will-payload "nema me" -D will will-delay-interval 3 -D will content-type text/plain >/dev/null &
    sleep 0.5
    $C mosquitto_pub -V 5 -h 10.0.5.2 -i govori -u ana -P tajna-rec -t lab/toplota -q 1 -m 21.5 \
        -D publish user-property soba "žuta" -D publish user-property red 3 -D publish content-type text/plain \
        -D publish payload-format-indicator 1 -D publish message-expiry-interval 60 -D connect session-expiry-interval 30
    $C mosquitto_pub -V 5 -h 10.0.5.2 -i pita -t lab/pitanje -q 2 -m "koliko je?" \
        -D publish response-topic lab/odgovor -D publish correlation-data 4711
    # The same topic again by its number; nobody hears of the third.
    printf 'jedan\ndva\n' | $C mosquitto_pub -V 5 -h 10.0.5.2 -i broji -t kuca/broj -l -D publish topic-alias 3
    $C mosquitto_pub -V 5 -h 10.0.5.2 -i niko -t niko/nigde -q 1 -m x
    $C mosquitto_sub -V 5 -h 10.0.5.2 -i odlazi -t lab/vlaga -U lab/toplota -E -q 1 -W 1 >/dev/null || true
    stop
}

tls() {
    up
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 30 -subj /CN=lab.example 2>/dev/null
    $S openssl s_server -accept 10.0.5.2:443 -key "$work/key.pem" -cert "$work/cert.pem" -www -alpn http/1.1 -quiet >/dev/null 2>&1 &
    sleep 1
    record tls "tcp port 443"
    $C curl -s -k --http1.1 --resolve lab.example:443:10.0.5.2 https://lab.example/ >/dev/null || true
    $C curl -s -k --http1.1 --tls-max 1.2 --resolve lab.example:443:10.0.5.2 https://lab.example/ >/dev/null || true
    stop
}

# Certificates and hellos that need several segments, and one chain in several records.
tls-chain() {
    up
    (
        cd "$work"
        request() { openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "$2" "${@:3}" 2>/dev/null; }
        sign() { openssl x509 -req -days 30 -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -out "$1.pem" -extfile "$1.ext" 2>/dev/null; }
        request root "/O=Lab/CN=Lab Root" -x509 -days 30 -out root.pem
        request between "/C=RS/O=Lab d.o.o./CN=Lab Intermediate" -out between.csr
        echo 'basicConstraints=critical,CA:TRUE' >between.ext
        sign between root
        request leaf "/O=Lab/CN=lab.example" -out leaf.csr
        echo "subjectAltName=DNS:lab.example,IP:10.0.5.2$(printf ',DNS:host-%02d.lab.example' $(seq 60))" >leaf.ext
        sign leaf between
    )
    for port in 443 8443; do
        small=$([ $port = 443 ] || echo -max_send_frag 512)
        $S openssl s_server -accept 10.0.5.2:$port -key "$work/leaf.key" -cert "$work/leaf.pem" -cert_chain "$work/between.pem" \
            -www -quiet $small >/dev/null 2>&1 &
    done
    sleep 1
    record tls-chain "tcp port 443 or tcp port 8443"
    ask() { $C openssl s_client -servername lab.example "$@" </dev/null >/dev/null 2>&1 || true; }
    many=$(printf 'protokol-broj-%03d,' $(seq 90))http/1.1
    ask -tls1_2 -connect 10.0.5.2:443
    ask -tls1_3 -connect 10.0.5.2:443 -alpn "$many"
    ask -tls1_2 -connect 10.0.5.2:8443 -max_send_frag 512
    stop
}

snmp() {
    up
    cat >"$work/snmpd.conf" <<D
agentaddress udp:10.0.5.2:161
rwcommunity tajna-rec 10.0.5.0/24 1.3.6.1.2.1.1
sysdescr netlab
sysobjectid 1.3.6.1.4.1.8072.3.2.10
syscontact branko@lab.example
sysname a2.lab.example
syslocation ormar
sysservices 72
D
    $S snmpd -f -C -c "$work/snmpd.conf" -Lf /dev/null -I system_mib -p "$work/snmpd.pid" >/dev/null 2>&1 &
    sleep 2
    record snmp "udp port 161 or udp port 162"
    ask="-c tajna-rec -Oqn -t 2 -r 0"
    {
        $C snmpget $ask -v 1 10.0.5.2 1.3.6.1.2.1.1.1.0 1.3.6.1.2.1.1.3.0
        $C snmpget $ask -v 1 10.0.5.2 1.3.6.1.2.1.1.99.0
        $C snmpget $ask -v 2c 10.0.5.2 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.99.0
        $C snmpwalk $ask -v 2c 10.0.5.2 1.3.6.1.2.1.1.4
        $C snmpbulkget $ask -v 2c -Cn1 -Cr3 10.0.5.2 1.3.6.1.2.1.1.2 1.3.6.1.2.1.1.4
        $C snmpset $ask -v 2c 10.0.5.2 1.3.6.1.2.1.1.1.0 s drugi
        $C snmptrap -c tajna-rec -v 1 10.0.5.2 1.3.6.1.4.1.8072.3.2.10 10.0.5.1 2 0 4711 1.3.6.1.2.1.2.2.1.1.3 i 3
        $C snmptrap -c tajna-rec -v 2c 10.0.5.2 4711 1.3.6.1.6.3.1.1.5.4 1.3.6.1.2.1.2.2.1.1.3 i 3
    } >/dev/null 2>&1 || true
    stop
}

coap() {
    up
    $S coap-server-notls -A 10.0.5.2 -d 5 >/dev/null 2>&1 &
    sleep 1
    record coap "udp port 5683"
    {
        $C coap-client-notls coap://10.0.5.2/
        $C coap-client-notls 'coap://10.0.5.2/time?ticks'
        $C coap-client-notls -N coap://10.0.5.2/async?1
        $C coap-client-notls -m put -t text/plain -e 21.5 coap://10.0.5.2/toplota
        $C coap-client-notls -b 64 coap://10.0.5.2/
        $C coap-client-notls coap://10.0.5.2/nema
        $C coap-client-notls -m delete coap://10.0.5.2/time
    } >/dev/null 2>&1 || true
    stop
}

sip() {
    up
    $S timeout 20 sipp -sn uas -i 10.0.5.2 -p 5060 -m 1 -rtp_echo -mi 10.0.5.2 -mp 6000 -nostdin >/dev/null 2>&1 &
    sleep 1
    record sip "udp"
    # Half a second of silence in PCMU, a packet each 20 ms, now and then one late.
    cat >"$work/rtp.py" <<'P'
import socket, struct, time
source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
source.bind(("10.0.5.1", 6200))
begin = time.monotonic()
for number in range(25):
    time.sleep(max(0, begin + number * 0.02 + (0.004 if number % 5 == 3 else 0) - time.monotonic()))
    head = struct.pack("!BBHII", 0x80, 0x80 * (number == 0), 65530 + number & 0xffff, 160 * number, 0x4e65744c)
    source.sendto(head + b"\xff" * 160, ("10.0.5.2", 6000))
P
    (sleep 0.4; $C python3 "$work/rtp.py") &
    $C timeout 20 sipp -sn uac -i 10.0.5.1 -p 5060 -mi 10.0.5.1 -mp 6100 -m 1 -d 1200 -s branko -nostdin 10.0.5.2:5060 >/dev/null 2>&1 || true
    stop
}

# A call whose sound has a payload type that only the call explains. Nobody encodes anything: the payload is zeros.
opus() {
    up
    cat >"$work/call.py" <<'P'
import random, socket, struct, sys, time
own, other, calls = sys.argv[1], sys.argv[2], sys.argv[3] == "calls"
def message(first, port):
    body = f"v=0\r\no=- 1 1 IN IP4 {own}\r\ns=-\r\nc=IN IP4 {own}\r\nt=0 0\r\nm=audio {port} RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
    return (f"{first}\r\nVia: SIP/2.0/UDP 10.0.5.1:5060;branch=z9hG4bKopus\r\nFrom: <sip:ana@10.0.5.1>;tag=1\r\nTo: <sip:branko@10.0.5.2>\r\n"
        f"Call-ID: opus@10.0.5.1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
talk, sound = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
talk.bind((own, 5060))
sound.bind((own, 7000 if calls else 8000))
if calls:
    talk.sendto(message("INVITE sip:branko@10.0.5.2 SIP/2.0", 7000), (other, 5060))
    talk.recv(4096)
else:
    talk.recv(4096)
    talk.sendto(message("SIP/2.0 200 OK", 8000), (other, 5060))
late = random.Random(7)
begin = time.monotonic()
for number in range(40):
    time.sleep(max(0, begin + number * 0.02 + late.choice((0, 0, 0.003, 0.009)) - time.monotonic()))
    head = struct.pack("!BBHII", 0x80, 0x80 * (number == 0) | 96, 1000 + number, 960 * number, 0x6f707573 + calls)
    if calls or number not in (11, 12):
        sound.sendto(head + bytes(40), (other, 8000 if calls else 7000))
P
    record opus "udp"
    $S python3 "$work/call.py" 10.0.5.2 10.0.5.1 waits &
    sleep 0.5
    $C python3 "$work/call.py" 10.0.5.1 10.0.5.2 calls
    stop
}

quic() {
    up
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 30 -subj /CN=lab.example 2>/dev/null
    mkdir -p "$work/www"
    echo zdravo >"$work/www/index.html"
    # Of the packets behind the handshake nothing is to be read.
    $S gtlsserver -q -d "$work/www" --validate-addr 10.0.5.2 443 "$work/key.pem" "$work/cert.pem" >/dev/null 2>&1 &
    sleep 1
    record quic "udp port 443 and udp[8] & 0x80 != 0"
    $C timeout 5 gtlsclient -q --exit-on-all-streams-close 10.0.5.2 443 https://lab.example/index.html >/dev/null 2>&1 || true
    $C timeout 2 gtlsclient -q -v 0x1a2a3a4a --exit-on-all-streams-close 10.0.5.2 443 https://lab.example/index.html >/dev/null 2>&1 || true
    stop
}

websocket() {
    up
    cat >"$work/server.py" <<'P'
import asyncio, websockets
async def talk(peer, path):
    async for said in peer:
        await peer.send(said.upper())
        if said == "kraj":
            await peer.close(1000, "do sutra")
async def main():
    async with websockets.serve(talk, "10.0.5.2", 8765, compression=None):
        await asyncio.sleep(20)
asyncio.run(main())
P
    cat >"$work/client.py" <<'P'
import asyncio, websockets
async def main():
    async with websockets.connect("ws://10.0.5.2:8765/soba", compression=None) as peer:
        for said in ["zdravo", "žuta knjiga", b"\x01\x02\x03\xce", "x" * 300]:
            await peer.send(said)
            await peer.recv()
        await peer.send(["u ", "tri ", "dela"])
        await peer.recv()
        await (await peer.ping(b"jesi li tu"))
        await peer.send("kraj")
        await peer.recv()
        await peer.wait_closed()
asyncio.run(main())
P
    $S python3 "$work/server.py" &
    sleep 1.5
    record websocket "tcp port 8765"
    $C python3 "$work/client.py"
    stop
}

[ $# -gt 0 ] || set -- smtp http pop imap ftp telnet login redis ntp dhcp dns http2 tftp syslog mqtt mqtt5 tls tls-chain snmp coap sip opus quic websocket
for name in "$@"; do echo "$name"; $name; done
