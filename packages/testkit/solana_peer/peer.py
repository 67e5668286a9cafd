"""A Solana node for the tests: JSON-RPC in front of the real virtual machine with the real programs (litesvm).

Transactions are executed, and refused, by the machine. What this file adds is what a node adds to it: slots, finality,
the lists of transactions, and the age of blockhashes. Not imitated: several servers behind one address, forks that take
back balances (`test_drop` only forgets a transaction), rent collection, fees of priority, stake.

Methods that begin with `test_` are for the test: money, wallets, time, finality, faults. They speak the same protocol.

    python peer.py PORT_FILE
"""

import base64
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.token import ID as TOKEN_PROGRAM
from solders.token.associated import get_associated_token_address
from solders.token.state import Mint, TokenAccount, TokenAccountState
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

BLOCKHASH_BLOCKS = 150
MAINNET_GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
SYSTEM_PROGRAM = Pubkey.default()
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


class Lost(Exception):
    """The connection ends without an answer."""


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = ALPHABET[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


class Node:
    def __init__(self):
        self.svm = LiteSVM().with_blockhash_check(False)
        # A slot without a block now and then: slots and heights are not the same.
        self.slot, self.height, self.seconds = 1000, 900, 1_800_000_000
        self.final_slot, self.final_height = self.slot, self.height
        self.genesis = MAINNET_GENESIS
        self.valid_until = {}
        self.landed = {}
        self.order = []
        self.first_block = 0
        self.faults = []
        self.calls = []
        self.blockhash_new()

    # --- what a node does -------------------------------------------------------------------------

    def blockhash_new(self):
        self.svm.expire_blockhash()
        self.blockhash = self.svm.latest_blockhash()
        self.valid_until[str(self.blockhash)] = self.height + BLOCKHASH_BLOCKS

    def advance(self, blocks):
        self.slot += blocks + blocks // 10
        self.height += blocks
        self.blockhash_new()

    def level(self, entry):
        return "finalized" if entry["slot"] <= self.final_slot else "confirmed"

    def token_balances(self, keys):
        found = []
        for index, key in enumerate(keys):
            account = self.svm.get_account(key)
            if account is None or account.owner != TOKEN_PROGRAM or len(account.data) != 165:
                continue
            state = TokenAccount.from_bytes(bytes(account.data))
            decimals = Mint.from_bytes(bytes(self.svm.get_account(state.mint).data)).decimals
            found.append({
                "accountIndex": index, "mint": str(state.mint), "owner": str(state.owner), "programId": str(TOKEN_PROGRAM),
                "uiTokenAmount": {"amount": str(state.amount), "decimals": decimals},
            })
        return found

    def balances(self, keys):
        return [(self.svm.get_balance(key) or 0) for key in keys]

    def execute(self, data, checked):
        try:
            transaction = VersionedTransaction.from_bytes(data)
            transaction.sanitize()
        except Exception as error:
            raise Refusal(-32602, f"failed to deserialize the transaction: {error}")
        if bytes(transaction) != data or len(data) > 1232:
            raise Refusal(-32602, "base64 encoded transaction too large or with bytes left over")
        if not all(transaction.verify_with_results()):
            raise Refusal(-32003, "Transaction signature verification failure")
        name = str(transaction.signatures[0])
        if name in self.landed:
            if checked:
                raise Refusal(-32002, "Transaction simulation failed: This transaction has already been processed")
            return name
        if self.valid_until.get(str(transaction.message.recent_blockhash), -1) < self.height:
            if checked:
                raise Refusal(-32002, "Transaction simulation failed: Blockhash not found")
            return name
        if checked:
            tried = self.svm.simulate_transaction(transaction)
            if isinstance(tried, FailedTransactionMetadata):
                raise Refusal(-32002, f"Transaction simulation failed: {tried.err()}")
        self.land(name, transaction)
        return name

    def land(self, name, transaction):
        self.advance(1)
        keys = transaction.message.account_keys
        before = self.balances(keys), self.token_balances(keys)
        result = self.svm.send_transaction(transaction)
        failed = isinstance(result, FailedTransactionMetadata)
        error = str(result.err()) if failed else None
        meta = result.meta() if failed else result
        inner = [
            {"index": index, "instructions": [self.instruction(call.instruction()) for call in calls]}
            for index, calls in enumerate(meta.inner_instructions()) if calls
        ]
        self.order.append(name)
        self.landed[name] = {
            "signature": name, "slot": self.slot, "blockTime": self.seconds, "err": error, "keys": [str(key) for key in keys],
            "full": {
                "slot": self.slot, "blockTime": self.seconds, "version": "legacy",
                "transaction": {
                    "signatures": [str(signature) for signature in transaction.signatures],
                    "message": {
                        "accountKeys": [str(key) for key in keys],
                        "recentBlockhash": str(transaction.message.recent_blockhash),
                        "instructions": [self.instruction(call) for call in transaction.message.instructions],
                    },
                },
                "meta": {
                    "err": error, "fee": meta.fee(), "computeUnitsConsumed": meta.compute_units_consumed(),
                    "logMessages": meta.logs(), "innerInstructions": inner,
                    "preBalances": before[0], "postBalances": self.balances(keys),
                    "preTokenBalances": before[1], "postTokenBalances": self.token_balances(keys),
                    "loadedAddresses": {"writable": [], "readonly": []},
                },
            },
        }

    @staticmethod
    def instruction(call):
        return {"programIdIndex": call.program_id_index, "accounts": list(call.accounts), "data": base58(bytes(call.data))}

    # --- the protocol -----------------------------------------------------------------------------

    def getGenesisHash(self):
        return self.genesis

    def getLatestBlockhash(self, _options=None):
        name = str(self.blockhash)
        return self.context({"blockhash": name, "lastValidBlockHeight": self.valid_until[name]})

    def getEpochInfo(self, options=None):
        final = (options or {}).get("commitment", "finalized") == "finalized"
        return {
            "absoluteSlot": self.final_slot if final else self.slot, "blockHeight": self.final_height if final else self.height,
            "epoch": 0, "slotIndex": 0, "slotsInEpoch": 432000, "transactionCount": len(self.order),
        }

    def getFirstAvailableBlock(self):
        return self.first_block

    def getBlockHeight(self, options=None):
        return self.getEpochInfo(options)["blockHeight"]

    def getMultipleAccounts(self, addresses, _options=None):
        if len(addresses) > 100:
            raise Refusal(-32602, "Too many inputs provided; max 100")
        return self.context([self.account(address) for address in addresses])

    def getAccountInfo(self, address, _options=None):
        return self.context(self.account(address))

    def getTokenAccountBalance(self, address, _options=None):
        account = self.svm.get_account(Pubkey.from_string(address))
        if account is None or account.owner != TOKEN_PROGRAM:
            raise Refusal(-32602, "Invalid param: could not find account")
        state = TokenAccount.from_bytes(bytes(account.data))
        decimals = Mint.from_bytes(bytes(self.svm.get_account(state.mint).data)).decimals
        return self.context({"amount": str(state.amount), "decimals": decimals})

    def getBalance(self, address, _options=None):
        return self.context(self.svm.get_balance(Pubkey.from_string(address)) or 0)

    def sendTransaction(self, text, options=None):
        return self.execute(base64.b64decode(text), not (options or {}).get("skipPreflight", False))

    def getSignatureStatuses(self, names, _options=None):
        def status(name):
            entry = self.landed.get(name)
            return entry and {"slot": entry["slot"], "err": entry["err"], "confirmations": None,
                              "confirmationStatus": self.level(entry)}
        return self.context([status(name) for name in names])

    def getSignaturesForAddress(self, address, options=None):
        options = options or {}
        if options.get("minContextSlot", 0) > self.final_slot:
            raise Refusal(-32016, "Minimum context slot has not been reached")
        final_only = options.get("commitment", "finalized") == "finalized"
        limit = options.get("limit", 1000)
        if not 1 <= limit <= 1000:
            raise Refusal(-32602, "Invalid limit; max 1000")
        found, before = [], options.get("before")
        for name in reversed(self.order):
            if name == options.get("until"):
                break
            entry = self.landed[name]
            if entry["slot"] < self.first_block:
                break
            if before is not None:
                before = None if name == before else before
                continue
            if address not in entry["keys"] or (final_only and self.level(entry) != "finalized"):
                continue
            found.append({"signature": name, "slot": entry["slot"], "err": entry["err"], "memo": None,
                          "blockTime": entry["blockTime"], "confirmationStatus": self.level(entry)})
            if len(found) == limit:
                break
        return found

    def getTransaction(self, name, options=None):
        entry = self.landed.get(name)
        final_only = (options or {}).get("commitment", "finalized") == "finalized"
        if entry is None or (final_only and self.level(entry) != "finalized"):
            return None
        return entry["full"]

    def account(self, address):
        account = self.svm.get_account(Pubkey.from_string(address))
        return account and {
            "lamports": account.lamports, "owner": str(account.owner), "executable": account.executable, "rentEpoch": 0,
            "data": [base64.b64encode(bytes(account.data)).decode(), "base64"], "space": len(account.data),
        }

    def context(self, value):
        return {"context": {"slot": self.slot}, "value": value}

    # --- for the test -----------------------------------------------------------------------------

    def test_genesis(self, genesis):
        self.genesis = genesis

    def test_clock(self, seconds):
        self.seconds = seconds

    def test_advance(self, blocks):
        self.advance(blocks)

    def test_finalise(self):
        """Everything so far is for good."""
        self.final_slot, self.final_height = self.slot, self.height

    def test_drop(self, name):
        """The block of a transaction that was not final is not on the chain any more."""
        assert self.level(self.landed[name]) != "finalized"
        self.order.remove(name)
        del self.landed[name]

    def test_sol(self, address, lamports):
        self.svm.airdrop(Pubkey.from_string(address), lamports)

    def test_lamports(self, address, lamports):
        """An address has so much SOL, and no more."""
        account = Account(lamports=lamports, data=b"", owner=Pubkey.default(), executable=False)
        self.svm.set_account(Pubkey.from_string(address), account)

    def test_first_block(self, slot):
        """The node has thrown the blocks before this slot away, and what was in them."""
        self.first_block = slot

    def test_mint(self, mint, decimals):
        state = Mint(mint_authority=None, supply=2**62, decimals=decimals, is_initialized=True, freeze_authority=None)
        data = bytes(state)
        lamports = self.svm.minimum_balance_for_rent_exemption(len(data))
        account = Account(lamports=lamports, data=data, owner=TOKEN_PROGRAM, executable=False)
        self.svm.set_account(Pubkey.from_string(mint), account)

    def test_tokens(self, owner, mint, units, frozen=False, belongs_to=None):
        """The associated token account of `owner`, with so much in it."""
        owner, mint = Pubkey.from_string(owner), Pubkey.from_string(mint)
        address = get_associated_token_address(owner, mint)
        state = TokenAccount(
            mint=mint, owner=Pubkey.from_string(belongs_to) if belongs_to else owner, amount=units, delegate=None,
            state=TokenAccountState.Frozen if frozen else TokenAccountState.Initialized, is_native=None,
            delegated_amount=0, close_authority=None,
        )
        data = bytes(state)
        lamports = self.svm.minimum_balance_for_rent_exemption(len(data))
        self.svm.set_account(address, Account(lamports=lamports, data=data, owner=TOKEN_PROGRAM, executable=False))
        return str(address)

    def test_tokens_close(self, owner, mint):
        """The associated token account of `owner` is closed."""
        address = get_associated_token_address(Pubkey.from_string(owner), Pubkey.from_string(mint))
        self.svm.set_account(address, Account(lamports=0, data=b"", owner=Pubkey.default(), executable=False))

    def test_token_address(self, owner, mint):
        """As Anza's library derives it."""
        return str(get_associated_token_address(Pubkey.from_string(owner), Pubkey.from_string(mint)))

    def test_on_curve(self, address):
        return Pubkey.from_string(address).is_on_curve()

    def test_sign(self, text, seed):
        """What a wallet does with a transaction it was given: a new blockhash, its signature."""
        transaction = VersionedTransaction.from_bytes(base64.b64decode(text))
        old = transaction.message
        wallet = Keypair.from_seed(bytes.fromhex(seed))
        assert old.account_keys[0] == wallet.pubkey() and old.header.num_required_signatures == 1
        message = Message.new_with_compiled_instructions(
            old.header.num_required_signatures, old.header.num_readonly_signed_accounts,
            old.header.num_readonly_unsigned_accounts, old.account_keys, self.blockhash, old.instructions,
        )
        signed = VersionedTransaction.populate(message, [wallet.sign_message(to_bytes_versioned(message))])
        return base64.b64encode(bytes(signed)).decode()

    def test_compile(self, payer, blockhash, instructions):
        """The message of these instructions, as Anza's library writes it."""
        def read(call):
            metas = [AccountMeta(Pubkey.from_string(a), signs, writes) for a, signs, writes in call["accounts"]]
            return Instruction(Pubkey.from_string(call["program"]), bytes.fromhex(call["data"]), metas)
        calls = [read(call) for call in instructions]
        message = Message.new_with_blockhash(calls, Pubkey.from_string(payer), Hash.from_string(blockhash))
        return bytes(message).hex()

    def test_send_instructions(self, seed, instructions):
        """A transaction of one's own making."""
        wallet = Keypair.from_seed(bytes.fromhex(seed))
        message = bytes.fromhex(self.test_compile(str(wallet.pubkey()), str(self.blockhash), instructions))
        signature = wallet.sign_message(message)
        return self.execute(b"\x01" + bytes(signature) + message, False)

    def test_fault(self, method, kind, times):
        """The next calls of a method: `away` (503, not done), `lost` (done, no answer), `behind` (answered by another
        server behind the same address, which has seen nothing of late)."""
        self.faults.extend([method, kind] for _ in range(times))

    def test_calm(self):
        """No more faults."""
        self.faults.clear()

    def test_count(self, method):
        return self.calls.count(method)

    def test_transactions(self):
        return self.order

    def call(self, method, params):
        if method.startswith("_") or method[:3] not in ("get", "sen", "tes") or not hasattr(self, method):
            raise Refusal(-32601, "Method not found")
        self.calls.append(method)
        fault = next((fault for fault in self.faults if fault[0] == method), None)
        if fault:
            self.faults.remove(fault)
            if fault[1] == "away":
                raise ConnectionError
            if fault[1] == "behind":
                return self.behind(method, params)
        result = getattr(self, method)(*params)
        if fault:
            raise Lost
        return result


    def behind(self, method, params):
        if method == "getSignatureStatuses":
            return self.context([None for _ in params[0]])
        if method == "getSignaturesForAddress":
            if "minContextSlot" in params[1]:
                raise Refusal(-32016, "Minimum context slot has not been reached")
            return []
        if method == "getTransaction":
            return None
        return getattr(self, method)(*params)


NODE, LOCK = Node(), threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for head and body: two would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        status = 200
        try:
            with LOCK:
                answer["result"] = NODE.call(request["method"], request.get("params", []))
        except Refusal as refusal:
            answer["error"] = {"code": refusal.code, "message": refusal.message}
        except ConnectionError:
            status = 503
        except Lost:
            self.close_connection = True
            return
        except Exception as error:
            print(f"{request['method']}: {error!r}", file=sys.stderr, flush=True)
            answer["error"] = {"code": -32603, "message": repr(error)}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    path = sys.argv[1]
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(str(server.server_address[1]))
    os.rename(path + ".new", path)
    server.serve_forever()


main()
