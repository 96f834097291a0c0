"""The statements of the agents' HTTP contract, numbered as its feature table numbers them, in short words."""

from collections.abc import Mapping
from typing import Final

_TEXT: Final = """\
1 every reply is JSON with ok, command, trace_id, actor, data, warnings, error
2 a trace_id starts with trace_
3 warnings is an array on every reply, errors too
4 an authenticated reply names its actor: type, agt_ id, org_ id, claim state
5 an error has code, redacted message, retryable and machine-readable recovery
6 the exit-code header is a whole number and fits the table of exit codes
7 an unknown path is answered with an envelope, never HTML
8 /healthz tells readiness, with status and api_version
9 logs hold command, status, duration and error class, never tokens or payloads
10 a signup makes a restricted token of an unclaimed agent
11 a signup of the same agent again rotates its token
12 a rotation leaves the tokens of other agents valid
13 a token begins with isk_r_
14 the client saves the token with mode 0600 and authenticates from it later
15 IMAGE_SKILL_CONFIG_PATH decides where the client saves it
16 a failed write of the config is PUBLIC_CLI_CONFIG_WRITE_FAILED with a suggested command
17 the raw token is shown with --show-token only, once
18 --show-token --no-save writes no config
19 the signup reply holds the raw token for return_token true only
20 a default signup reports data.token null and auth_handoff saved_config_ready
21 a contact that is not email-shaped is refused in a structured way
22 the contact need not be a person's; example.invalid works
23 human_email is taken as the old name of agent_contact
24 the contact comes back redacted and never raw
25 however the client got its token, the same bearer header authenticates
26 an unknown token is AUTH_REQUIRED with exit 3 at every authenticated door
27 AUTH_REQUIRED suggests a signup
28 a signup without a contact makes a fresh agent every time
29 a claim request attaches, repeats as unchanged, and leaves the agent unclaimed
30 whoami and quota show claim_request_state requested afterwards
31 a claim echoes a redacted contact only, and bad contacts are refused
32 discovery_source is first-touch, a slug, and never required
33 whoami tells the durable identity: authenticated, token active
34 whoami has session_origin and token_created_at
35 whoami shows organization, claim state, token class and grants
36 quota tells the bearer's durable quota before anything was made
37 quota tells free and payment-backed credits apart
38 quota shows job limits, model limits and reset windows
39 a fresh agent has no paid credits
40 daily_jobs is an object or absent, never null
41 the starter preview is bounded free credits and four jobs a day
42 the quota alias reads the same data
43 quota.top_up names reason, method, commands and urgency, without placeholders in its quote
44 quota and payment errors carry error.recovery.top_up
45 the payment methods need no token
46 the catalog's header values and endpoint paths
47 planned, fake and private rails are left out
48 stripe_checkout: live money, hybrid and human_only, needs a browser, started by agents
49 stripe_checkout: not settled by agents, with a text that says why
50 x402: live money, agent_only and hybrid, no browser, started by agents
51 x402: settled by agents, with no blocker
52 every rail has default pack starter-500 and a purchase endpoint of its own
53 x402 alone has all it takes to be autonomous
54 a limited rail is not available, quoteable or purchasable, and says why
55 every row has limits and recovery commands
56 recommended_quote prefers what agents settle, falls back to Checkout, has no placeholder
57 the packs are public: starter-500, builder-2000, studio-5000
58 a pack's cents equal its credits, in USD, with a name
59 a pack has display_name, amount_usd and price_usd
60 exact amounts from 1 to 5000 are sold too
61 one credit is one cent
62 a quote is asked for with credits or pack_id, perhaps a method and a key
63 a quote names id, credits, price, currency, method, pack and whether money is live
64 a quote is created, expires, and echoes its key
65 an x402 quote names its rail and nowhere to pay to
66 a quote grants nothing
67 the same key and terms replay the same quote
68 the same key with other terms is CREDIT_QUOTE_CONFLICT
69 the conflict suggests the attempted terms under a fresh key
70 that suggested command works as it stands
71 quote keys belong to one agent
72 a key that a client made is taken and echoed
73 quotes that race with one key are one quote
74 unknown packs and bad amounts are refused
75 without a method the API quotes stripe_checkout
76 exact amounts are quoted on both rails
77 recommended_buy holds the real quote id and the key purchase:<quote_id>
78 a purchase needs an explicit key
79 the provider must be that of the quote's method
80 an x402 purchase: action_required, payatt_ id, method, live money, cents
81 and provider stripe, credits, currency, quote id
82 stripe_x402: network base, token usdc, deposit address present, method, scheme exact
83 payable_instructions: kind, 6 decimals, amounts as strings, atomic, cents, dollars, exact
84 payable_instructions: deposit address, token contract, currencies, expiry
85 payable_instructions are there whenever there is a deposit address
86 the redacted markers are verbatim; no PaymentIntent id and no client secret
87 next says pay_stripe_crypto_deposit, with a status command that runs
88 live_money true is real spend, on quote and purchase
89 recommended_settlement has the path of the instructions
90 opening a deposit changes no balance
91 a Checkout purchase: cs_ id, handoff, compact and raw URL, open_checkout_url
92 checkout_url keeps its fragment
93 the compact URL is the handoff URL
94 next has fallback_checkout_url and after_payment
95 promotion codes are for Stripe's page: no field takes one
96 opening a session grants nothing
97 the same buy key replays the same attempt
98 a buy key never returns another quote's attempt
99 purchases that race with one key are one attempt
100 unknown and foreign quotes cannot be bought
101 the short URL redirects to Stripe's exact URL without a token
102 a paid attempt that has not expired still redirects
103 an unknown handoff id does not redirect
104 status by quote, attempt and Checkout session
105 status by receipt
106 status has state, quote, attempt, receipt, credit event, provider event, limits, next
107 an open attempt: requires_action, no receipt, no credit event, when to ask again
108 an x402 status repeats the payable instructions
109 a Checkout status repeats the handoff URLs
110 quote.x402 is null in a Checkout status
111 at most one reference
112 without a reference the status is the quota
113 a quote without an attempt is readable, with recommended_buy
114 unknown and foreign references are refused
115 credits come only after verified settlement and its webhook
116 exactly the quoted credits are granted
117 once, however often the settlement is delivered
118 success: succeeded, receipt, credit event and new limits
119 buying again after success grants nothing
120 the activity list has events and source hosted_activity_ledger
121 the fields of an event
122 only types of the registry are told
123 payment.checkout_session.created with its three links, once
124 credits.payment_backed_granted with quote, receipt and credit event, once
125 refunds and disputes debit paid credits and link reversal and credit event
126 reinstated, pending and rejected reversals link the reversal
127 usage.credit_consumed links job and usage event
128 creative debits cost what the model costs, and are booked after the provider's success
129 the list can be narrowed by limit and subject
130 an event is shown by its id and by what it links to
131 the ledger shows one's own events only, and no provider's details
132 the client refuses credential flags
133 credentials in a request are refused and never echoed
134 no field is public but credits, pack_id, payment_method, quote_id, status ids and the key
135 unclaimed agents quote and open attempts, and change no billing settings
136 the guide's reads change nothing
137 the guide has health, models, quota and rails to check
138 the guide's stages follow from what it reads
139 quota_required points at the payment commands of the preferred rail
140 self_fund_next_command is next_command
141 the guide warns of live money and names the path
142 the three top-up paths
143 quote, buy and status of the handoff lead to a real attempt
144 wallet_settlement names real instruction fields, for settleable x402 alone
145 the guide gives auth commands with_env and with_stdin
146 ready_to_create flags a live create as spend and recommends a dry run
147 the guide sorts browserless, settleable and human rails rightly
148 ready_to_create can offer a quote without placeholders before the wall
149 methods and packs do not mind a token
150 whoami, quota, quote, buy, status and activity take the token that --token-stdin sends
151 bearer tokens appear in no output
152 no dropped connection and no reply without an envelope, whatever is sent
153 the signup warning is word for word the one that clients filter out
154 claim_state unclaimed and token_status active are in quota too
155 the ledger lists the newest first
"""

ROWS: Final[Mapping[int, str]] = {
    int(number): statement for number, _, statement in (line.partition(" ") for line in _TEXT.splitlines())
}
