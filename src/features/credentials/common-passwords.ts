// Passwords everybody tries first, written down from general knowledge, and the words they are made of: a password is refused too when it is
// one of these with a few digits or signs at its end. The rules of password-policy.ts cover repetitions and rows of the keyboard.

const words = `
admin root toor test temp demo user guest hello welcome letmein login access secret default system server master manager service support
summer winter spring autumn qwerty azerty qwertz dragon monkey shadow tigger killer pepper soccer hockey batman naruto pokemon samsung
freedom charlie michael thomas jordan robert daniel iloveyou princess sunshine football baseball superman starwars london berlin paris
password passw0rd p@ssword p@ssw0rd pa55word passwort password1 password12 password123 password1234 mypassword thepassword yourpassword
passwords passphrase motdepasse contrasena contraseña parola haslo wachtwoord lozinka senha kennwort geheim123 hallo123
administrator administrador superuser rootroot adminadmin admin123 admin1234 admin12345 adminpassword root1234 rootpassword toor1234
welcome1 welcome12 welcome123 welcome1234 willkommen bienvenue bienvenido changeme changeme1 changeme123 letmein1 letmein123 letmeinnow
default1 default123 temporary temp1234 temppass test1234 test12345 testtest testing1 testing123 tester123 demo1234 demodemo sample123
secret12 secret123 topsecret mysecret supersecret trustno1 whatever whatever1 nothing1 something anything blahblah asdfasdf qwerqwer
zxcvzxcv asdf1234 qwer1234 zxcv1234 abcd1234 abcd12345 abc12345 abc123456 a1b2c3d4 a1b2c3d4e5 1a2b3c4d 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y
q1w2e3r4 q1w2e3r4t5 zaq12wsx zaq1zaq1 1qazxsw2 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwertyui qwertyuiop qweasdzxc
qazwsxedc qazwsx123 asdfghjkl asdfghjk zxcvbnm1 zxcvbnm123 poiuytrewq lkjhgfdsa mnbvcxz1 qwertzuiop azertyuiop azerty123 1234qwer
1234abcd 123456789a 12345678a 123456abc 123abc123 123qweasd 123qwe123 12qwaszx 11223344 1122334455 112233445566 12341234 12344321 123321123
123123123 12121212 12312312 13131313 87654321 987654321 9876543210 98765432 147258369 159753456 741852963 789456123 456789123 321654987
31415926 314159265 27182818 16777216 10203040 102030405060 20202020 01020304 00112233 99887766 123454321 1234554321 246813579 135792468
iloveyou iloveyou1 iloveyou2 iloveyou123 iloveu123 loveyou1 lovelove lovelove1 mylove123 ilovegod iloveme1 iloveyouu teamo123 tequiero
teamomucho jetaime1 princess princess1 princesa sunshine sunshine1 football football1 baseball baseball1 basketball volleyball softball
hockey123 soccer12 soccer123 futbol123 superman superman1 batman123 batman12 spiderman spiderman1 ironman1 wolverine starwars starwars1
startrek pokemon1 pokemon123 pikachu1 naruto123 dragonball dragon12 dragon123 dragons1 minecraft minecraft1 fortnite1 roblox123 callofduty
counterstrike warcraft worldofwarcraft starcraft playstation nintendo xbox3600 computer computer1 internet internet1 keyboard keyboard1
samsung1 samsung123 motorola blackberry microsoft microsoft1 windows1 windows10 windows123 macintosh facebook facebook1 google123 linkedin
linkedin1 twitter1 instagram whatsapp youtube1 snapchat myspace1 myspace123 hotmail1 hotmail123 yahoo123 gmail123 outlook1 adobe123
photoshop spotify1 netflix1 amazon123 dropbox1 michael1 michelle jennifer jennifer1 jessica1 jordan23 jordan123 michael123 charlie1
charlie123 thomas123 robert123 daniel123 daniel12 matthew1 anthony1 joshua123 andrew123 christopher christian elizabeth alexander
alexandra alexandre alexander1 benjamin nicholas victoria samantha samantha1 stephanie patricia margaret veronica francisco fernando
roberto1 rodrigo1 gabriela valentina sebastian isabella caroline natalie1 danielle dominique brittany amanda123 ashley123 nicole123
monkey12 monkey123 monkey1234 tigger12 tigger123 elephant dolphins dolphin1 butterfly butterfly1 ladybug1 kittycat puppydog chocolate
chocolate1 cupcake1 cookie123 cookies1 cheese123 pineapple bananas1 strawberry blueberry cherries1 watermelon cinnamon vanilla1 icecream
coffee123 mountain mountaindew cocacola cocacola1 pepsi123 budweiser heineken1 jackdaniels marlboro corvette mercedes mercedes1 mustang1
porsche1 porsche911 ferrari1 lamborghini yamaha123 harley123 harleydavidson chevrolet toyota123 honda123 ninja123 shadow12 shadow123
master12 master123 mastermind killer12 killer123 freedom1 freedom123 forever1 forever21 together happy123 happyday happiness beautiful
beautiful1 gorgeous sweetheart sweetie1 babygirl babygirl1 babyboy1 barbie123 hellokitty hello123 hello1234 hello12345 hellohello
helloworld goodbye1 goodluck goodmorning lucky123 lucky777 champion champions chelsea1 chelseafc arsenal1 arsenal123 liverpool liverpool1
liverpoolfc manchester manutd123 manunited barcelona barcelona1 realmadrid juventus1 bayern123 steelers steelers1 cowboys1 yankees1
redsox04 lakers24 eagles123 packers1 raiders1 patriots spartans gandalf1 legolas1 skywalker darthvader chewbacca matrix123 terminator
predator rammstein metallica metallica1 ironmaiden slipknot1 nirvana1 blink182 greenday1 linkinpark eminem123 michaeljackson beatles1
rockstar rockandroll guitar123 guitarra music123 musica123 monalisa shakespeare einstein1 america1 american1 brooklyn newyork1 newyork123
california chicago1 florida1 texas123 london123 london12 england1 scotland germany1 deutschland frankfurt barcelona123 argentina brasil123
colombia mexico123 australia sydney123 zimbabwe virginia carolina louisiana tennessee january1 february1 september september1 october1
november november1 december december1 monday123 tuesday1 wednesday thursday1 saturday summer12 summer123 summer2019 summer2020 summer2021
summer2022 summer2023 summer2024 summer2025 winter12 winter123 winter2019 winter2020 winter2021 winter2022 winter2023 winter2024 winter2025
spring123 spring2023 spring2024 spring2025 autumn123 autumn2023 autumn2024 autumn2025 christmas christmas1 halloween birthday birthday1
jesus123 jesuschrist jesusislord jesusloves godisgood godislove ilovejesus blessed1 blessing heaven123 angel123 angels123 angelina amen1234
security security1 secure123 access123 access14 login123 login1234 signin123 user1234 username username1 guest123 guestguest service1
support1 support123 manager1 manager123 office123 company1 company123 business business1 database database1 oracle123 postgres postgres1
postgresql mysql123 sqlserver system123 server123 network1 router123 cisco123 ubuntu123 linux123 debian123 raspberry jenkins1 docker123
kubernetes hacker123 hackme123 hacked123 anonymous anonymous1 nopassword nopasswd noaccess opensesame abracadabra swordfish swordfish1
correcthorsebatterystaple correcthorse p4ssw0rd p4ssword pa$$word pa$$w0rd passw0rd1 passw0rd123 p@ssw0rd1 p@ssw0rd123 p@55w0rd pass1234
pass12345 pass123456 passpass password! password1! password01 password11 password99 password2020 password2021 password2022 password2023
password2024 password2025 letmein! welcome! welcome01 welcome2023 welcome2024 welcome2025 qwerty1! admin@123 admin123! root@123 test@123
`;

export const commonPasswords: ReadonlySet<string> = new Set(words.trim().split(/\s+/));
