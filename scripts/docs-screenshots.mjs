/**
 * `npm run docs:screenshots`: takes the pictures of docs/support.md anew, of the real Temporal UI over an Everhook
 * that is started for them and stopped afterwards. Needs Chromium or Chrome.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { repositoryRoot, runAsCommand } from './command.mjs';
import { findChromium } from './docs/chromium.mjs';
import { smallPng } from './docs/small-png.mjs';
import { startScene } from './docs/support-scene.mjs';
import { quietStyle, TemporalUi } from './docs/temporal-ui.mjs';
import { say } from './progress.mjs';
import { partsForStart, setUp } from './setup.mjs';

const folder = join(repositoryRoot, 'docs', 'images', 'support');
const size = { width: 1280, height: 800 };

async function takeScreenshots() {
  const executablePath = findChromium();
  const { temporalCliPath } = await setUp({ parts: partsForStart });
  const stops = [];
  try {
    say('Starting an Everhook to be shown.');
    const scene = await startScene({ temporalCliPath, stops });
    const browser = await chromium.launch({
      executablePath,
      // Chromium's sandbox refuses the root user of containers; only our own pages are opened.
      chromiumSandbox: process.getuid?.() !== 0,
      args: ['--font-render-hinting=none'],
    });
    stops.push(() => browser.close());
    const page = await browser.newPage({ viewport: size, locale: 'en-GB', timezoneId: 'UTC', colorScheme: 'light' });
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const shoot = async (name, clip = {}) => {
      await page.mouse.move(0, 0);
      const picture = await page.screenshot({
        style: quietStyle,
        clip: { x: 64, y: 0, ...size, width: 1216, ...clip },
      });
      writeFileSync(join(folder, `${name}.png`), smallPng(picture));
      say(`  docs/images/support/${name}.png`);
    };
    await showAll(new TemporalUi(page, scene.uiUrl), scene, shoot);
  } finally {
    await stopAll(stops);
  }
}

/** In reverse, and each of them, whatever becomes of the others. */
async function stopAll(stops) {
  for (const stop of stops.toReversed()) {
    try {
      await stop();
    } catch (error) {
      process.exitCode = 1;
      say(`Something could not be stopped: ${error.message}`);
    }
  }
}

/** In the order of the document. */
async function showAll(ui, { webhooks, deliveries, publishSlow }, shoot) {
  const deadLetters = `WorkflowType = 'delivery' AND ExecutionStatus = 'Failed' AND DeliveryStatus = 'DEAD_LETTER'`;
  await ui.chooseColumns({ remove: ['Run ID', 'Type', 'End'], add: ['DeliveryStatus', 'EventId'] });
  await shoot('columns');
  await ui.list("TenantId = 'acme'");
  await ui.hideSavedViews();
  await shoot('list', { height: 690 });
  await ui.list(`${deadLetters} AND WebhookId = '${webhooks.refusing}'`);
  await shoot('dead-letters', { height: 460 });

  await ui.workflow(`delivery:${deliveries.deadLetter}`, 'user-metadata');
  await shoot('dead-letter-details', { height: 700 });
  await ui.workflow(`delivery:${deliveries.deadLetter}`, 'history');
  await shoot('dead-letter-failure');

  await ui.workflow(`delivery:${deliveries.waiting}`, 'user-metadata');
  await shoot('waiting-details');
  const slow = await publishSlow();
  await ui.workflow(`delivery:${slow}`, 'pending-activities');
  await shoot('pending-activity', { height: 560 });
  await ui.workflow(`delivery:${deliveries.waiting}`, 'user-metadata');
  await ui.action('Send a Signal');
  await ui.openChoice('signal');
  await shoot('signals');

  await ui.workflow(`delivery:${deliveries.deadLetter}`, 'user-metadata');
  await ui.openActions();
  await shoot('actions', { height: 460 });
  await ui.workflow(`delivery:${deliveries.deadLetter}`, 'user-metadata');
  await ui.action('Start Workflow Like This One');
  await shoot('start-like-this');

  await ui.workflow(`webhook:${webhooks.paused}`, 'user-metadata');
  await shoot('control-details');
  await ui.action('Send an Update');
  await ui.openChoice('update');
  await shoot('updates');
  await ui.workflow(`webhook:${webhooks.paused}`, 'user-metadata');
  await ui.action('Send an Update');
  await ui.choose('update', 'replay');
  await ui.type('{"since": "yesterday"}');
  await ui.submit();
  await ui.settled();
  await shoot('update-refused');
}

// Long enough for the Everhook that is shown to stop its parts.
runAsCommand(import.meta.url, takeScreenshots, { graceMs: 15_000 });
