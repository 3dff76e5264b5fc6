import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '../../../test/helpers/registries.ts';
import { answerOf, load, openConnections, type Place } from '../api/load.ts';
import { memoryOf, processorOf } from '../api/process.ts';
import { identify, placeOf, type Started, startDaemon, startNginx } from '../api/servers.ts';
import { imageSource } from '../images.ts';
import { measured } from '../program.ts';
import type { Context, Group, Row } from '../row.ts';
import { machineProgram, newRoot, publish } from '../vendor.ts';

const connections = 64;
const answers = 20_000;

/** A machine with one image, and its daemon on TLS. */
async function startMachine(context: Context): Promise<Started & { readonly root: string }> {
  const { folder, say } = context;
  const { host: repository } = await startRegistry(context, { kind: 'docker' });
  const source = imageSource('system', say);
  const { manifest } = await publish({ folder, repository, name: 'machine/api:1', release: 1, source });
  const root = newRoot(join(folder, 'root'));
  identify(root);
  await measured(machineProgram('install', root, manifest));
  return { ...(await startDaemon(context, root, ['--listen', '127.0.0.1:0'])), root };
}

type Answer = { readonly body: string; readonly headers: NodeJS.Dict<string | string[]> };

function ask(place: Place, method: string, path: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      ...{ host: '127.0.0.1', port: place.port, method, path, agent: false },
      ...{ ca: readFileSync(place.ca), cert: readFileSync(place.cert), key: readFileSync(place.key) },
      checkServerIdentity: () => undefined,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
    });
    sent.on('error', reject);
    sent.on('response', async (response) => {
      const parts = await response.setEncoding('utf8').toArray();
      resolve({ body: parts.join(''), headers: response.headers });
    });
    sent.end(body === undefined ? '' : JSON.stringify(body));
  });
}

/** Milliseconds from what ends a job to the event that tells of it. */
async function eventDelay(place: Place): Promise<number> {
  let answered = 0;
  const asked = Promise.withResolvers<void>();
  // A registry that has nothing, and takes its time to say it: the job fails when it does.
  const registry = createServer(async (_request, response) => {
    asked.resolve();
    await sleep(200);
    answered = performance.now();
    response.writeHead(404).end();
  });
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const { port } = registry.address() as { port: number };
  const update = { reference: `127.0.0.1:${port}/a:1`, plainHttp: true };
  const { id } = JSON.parse((await ask(place, 'POST', '/v1/update', update)).body);
  const events = ask(place, 'GET', `/v1/jobs/${id}/events`).then(() => performance.now());
  await asked.promise;
  const heard = await events;
  registry.close();
  return heard - answered;
}

/** Rows of the load alone, ours and nginx in turn. */
async function loadRows(context: Context, machine: Started): Promise<readonly Row[]> {
  const { folder, pairs } = context;
  const { body } = await ask(placeOf(machine), 'GET', '/v1/status');
  writeFileSync(join(folder, 'status.json'), body);
  const nginx = await startNginx(
    context,
    folder,
    true,
    `location = /v1/status { alias ${process.cwd()}/${folder}/status.json; }`,
  );
  const runs = {
    ours: [] as number[],
    theirs: [] as number[],
    p99: [] as number[],
    processor: [] as number[],
    theirP99: [] as number[],
  };
  for (let round = 0; round <= pairs; round++) {
    const used = processorOf(machine.pid);
    const ours = await load(placeOf(machine), connections, answers);
    const processor = processorOf(machine.pid) - used;
    const theirs = await load(placeOf(nginx), connections, answers);
    if (round === 0) continue;
    runs.ours.push((ours.milliseconds * 10_000) / answers);
    runs.theirs.push((theirs.milliseconds * 10_000) / answers);
    runs.p99.push(ours.p99);
    runs.processor.push((processor * 1000) / answers);
    runs.theirP99.push(theirs.p99);
  }
  const against = 'nginx, the same bytes from a file, the same client';
  return [
    {
      work: `10,000 answers of \`GET /v1/status\` over mutual TLS, ${connections} kept connections, both ends here`,
      ...{ against, unit: 'ms', ours: runs.ours, theirs: runs.theirs, limit: 1000 },
    },
    {
      work: 'the slowest of a hundred of them (p99)',
      against,
      unit: 'ms',
      ours: runs.p99,
      theirs: runs.theirP99,
      limit: 20,
    },
    {
      ...{ work: 'processor of the daemon for one of them, whatever else runs', against: '', theirs: [] },
      ...{ unit: 'µs', ours: runs.processor, limit: 100 },
    },
  ];
}

export const api: Group = {
  name: 'api',
  async run(context) {
    const machine = await startMachine(context);
    const place = placeOf(machine);
    // First, so that the count of its requests is known.
    await load(place, connections, 100_000);
    const early = memoryOf(machine.pid);
    context.say('900,000 requests more');
    await load(place, connections, 900_000);
    const late = memoryOf(machine.pid);
    const idle = await openConnections(place, 1000);
    // Who has never asked would be shut out meanwhile; and the runtime tidies up for two minutes after so much work.
    for (const socket of idle) await answerOf(socket);
    await sleep(120_000);
    const [crowded, used] = [memoryOf(machine.pid), processorOf(machine.pid)];
    await sleep(60_000);
    const busy = (processorOf(machine.pid) - used) / 600;
    for (const socket of idle) socket.destroy();
    const rows = await loadRows(context, machine);
    const delays: number[] = [];
    for (let round = 0; round < context.pairs; round++) delays.push(await eventDelay(place));
    const alone = { against: '', theirs: [] } as const;
    return [
      ...rows,
      {
        ...alone,
        work: 'from the end of a job to the event that tells of it',
        unit: 'ms',
        ours: delays,
        limit: 100,
      },
      {
        work: 'memory of the daemon after 1,000,000 requests',
        against: 'after 100,000',
        ...{ unit: 'MiB', ours: [late], theirs: [early], goal: 1.05, limit: 160 },
      },
      {
        ...alone,
        work: 'memory of the daemon with 1,000 idle connections',
        unit: 'MiB',
        ours: [crowded],
        limit: 160,
      },
      {
        ...alone,
        work: 'processor of the daemon with 1,000 idle connections, over 60 s, two minutes after the last request',
        unit: '%',
        ours: [busy],
        limit: 0.1,
      },
    ];
  },
};
