// Runs every group of tests and adds them up; the last line reads `N passed, N failed`.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';

const known = [
  'unit',
  'system',
  'registry-real',
  'parity',
  'schemathesis',
  'linux',
  'crash',
  'lxc',
  'tpm',
  'vm',
];
const chosen = process.argv.slice(2).length > 0 ? process.argv.slice(2) : known;
let passed = 0;
let failed = 0;

for (const group of chosen) {
  if (group !== 'unit' && !hasTests(group)) continue;
  const started = performance.now();
  console.log(`\n== ${group}`);
  const result = await runGroup(group);
  passed += result.passed;
  failed += result.failed;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`== ${group}: ${result.passed} passed, ${result.failed} failed in ${seconds} s`);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function hasTests(group: string): boolean {
  try {
    return readdirSync(`test/${group}`, { recursive: true }).some((name) =>
      String(name).endsWith('.test.ts'),
    );
  } catch {
    return false;
  }
}

function runGroup(group: string): Promise<{ passed: number; failed: number }> {
  const { TEST_GROUP: _, ...rest } = process.env;
  const env = group === 'unit' ? rest : { ...rest, TEST_GROUP: group };
  const child = spawn('node_modules/.bin/ava', ['--tap'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const counts = { passed: 0, failed: 0 };
  let rest_ = '';
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    const lines = (rest_ + chunk.toString()).split('\n');
    rest_ = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('ok ')) counts.passed++;
      if (line.startsWith('not ok ')) counts.failed++;
    }
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      if (code !== 0 && counts.failed === 0) counts.failed = 1; // ava itself failed: a file without tests, a crash
      resolve(counts);
    });
  });
}
