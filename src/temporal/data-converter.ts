/** How payloads are written for Temporal: as JSON in clear, or encrypted along with the messages of failures. */
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import type { Config } from '../config';
import { projectFolder } from '../version';
import { payloadCodec } from './payload-codec';

/** Bundled with the workflows by scripts/bundle-workflows.mjs; here it is for the client. */
const failureConverterPath = join(projectFolder, 'dist', 'src', 'temporal', 'failure-converter.js');

/** @returns undefined for Temporal's own @throws ConfigError */
export function dataConverterOf(config: Config): DataConverter | undefined {
  const codec = payloadCodec(config);
  return codec && { payloadCodecs: [codec], failureConverterPath };
}
