// Compile the Solidity source on standard input; print {abi, runtime} as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const solc = createRequire(join(process.cwd(), "package.json"))("solc");
const input = {
  language: "Solidity",
  sources: { "TestUSDC.sol": { content: readFileSync(0, "utf8") } },
  settings: {
    evmVersion: "cancun",
    optimizer: { enabled: true, runs: 200 },
    // Without the metadata hash the code depends on the source's meaning alone, not on its comments.
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.deployedBytecode.object"] } },
  },
};

const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = (output.errors ?? []).filter((message) => message.severity === "error");
if (errors.length > 0) {
  console.error(errors.map((message) => message.formattedMessage).join("\n"));
  process.exit(1);
}

const contract = output.contracts["TestUSDC.sol"].TestUSDC;
console.log(JSON.stringify({ abi: contract.abi, runtime: "0x" + contract.evm.deployedBytecode.object }));
