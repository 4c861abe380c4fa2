/* unzstd < FILE > OUTPUT: some distributions pack their modules so, and busybox does not know it. */
#include <stdio.h>
#include <stdlib.h>

#include "zstd.h"

int main(void)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	size_t input_room = ZSTD_DStreamInSize(), output_room = ZSTD_DStreamOutSize();
	void *input_bytes = malloc(input_room), *output_bytes = malloc(output_room);
	size_t got, left = 0;

	if (!stream || !input_bytes || !output_bytes)
		return 1;
	while ((got = fread(input_bytes, 1, input_room, stdin))) {
		ZSTD_inBuffer input = { input_bytes, got, 0 };
		size_t written = 0;

		/* An output that came back full may have more behind it. */
		while (input.pos < input.size || written == output_room) {
			ZSTD_outBuffer output = { output_bytes, output_room, 0 };

			left = ZSTD_decompressStream(stream, &output, &input);
			if (ZSTD_isError(left)) {
				fputs("unzstd: broken input\n", stderr);
				return 1;
			}
			written = output.pos;
			if (fwrite(output_bytes, 1, written, stdout) != written)
				return 1;
		}
	}
	/* What is left of a frame that ends here would be missing. */
	return left != 0 || ferror(stdin) || fflush(stdout) != 0;
}
